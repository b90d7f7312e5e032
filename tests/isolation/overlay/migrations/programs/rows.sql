-- What is in the tables at first; tests/programs restores it from this file.
DELETE FROM programs.parts;
DELETE FROM programs.items;
DELETE FROM programs.places;
DELETE FROM programs.tickets;
DELETE FROM programs.notes;
INSERT INTO programs.items VALUES (1, 10), (2, 20);
INSERT INTO programs.places VALUES (1, 1), (2, 2);
INSERT INTO programs.notes VALUES ('red', 'of red'), ('blue', 'of blue');
SELECT setval('programs.counter', 1, false), setval('programs.tickets_id_seq', 1, false);

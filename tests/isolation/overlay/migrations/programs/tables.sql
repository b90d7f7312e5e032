-- The tables of tests/programs, which also makes them anew from this file.
DROP SCHEMA IF EXISTS programs CASCADE;
CREATE SCHEMA programs;

CREATE TABLE programs.items (
    id int PRIMARY KEY,
    value int NOT NULL DEFAULT 0 CHECK (value < 1000)
);

CREATE TYPE programs.colour AS ENUM ('red');

-- Checked at the commit.
CREATE TABLE programs.parts (
    id int PRIMARY KEY,
    item int NOT NULL REFERENCES programs.items DEFERRABLE INITIALLY DEFERRED
);

-- Checked at once, unless a transaction asks for later.
CREATE TABLE programs.places (
    id int PRIMARY KEY,
    place int UNIQUE DEFERRABLE INITIALLY IMMEDIATE
);

CREATE TABLE programs.tickets (id int GENERATED ALWAYS AS IDENTITY, note text NOT NULL);
CREATE SEQUENCE programs.counter;

-- Each tenant sees its own notes only, unless it is a superuser.
CREATE TABLE programs.notes (tenant text NOT NULL, note text NOT NULL);
ALTER TABLE programs.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON programs.notes USING (tenant = current_setting('app.tenant', true));

-- A function of the application that only reads, and one that writes.
CREATE FUNCTION programs.total() RETURNS bigint LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT sum(value) FROM programs.items; END;
CREATE FUNCTION programs.add(number int) RETURNS void LANGUAGE sql AS
    'INSERT INTO programs.items VALUES (number, 0)';

CREATE FUNCTION programs.announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('news', NEW.note);
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON programs.tickets
    FOR EACH ROW EXECUTE FUNCTION programs.announce();

"""A service that does everything to its database that services do, well or badly."""

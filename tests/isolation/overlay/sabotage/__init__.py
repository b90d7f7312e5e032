"""Removes the safeguards of the fixtures, one at a time, and runs the tests that must notice it."""

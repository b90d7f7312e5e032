"""Mutants that change nothing that a test could notice, and why."""

EQUIVALENTS: dict[tuple[str, str, str], str] = {}
"""The reason for each, by path, code before and code after."""

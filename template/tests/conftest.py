"""Fixtures of your own go here; the template never changes this file again."""

from tests.fixtures import plugins as pytest_plugins

__all__ = ["pytest_plugins"]

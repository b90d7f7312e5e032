"""The probe's migrations make more than it has models for."""

import pytest

from tests.fixtures import plugins as pytest_plugins

__all__ = ["pytest_plugins"]


@pytest.fixture(scope="session")
def compared_models() -> None:
    return None

"""Fixtures of the user's own."""

import pytest

from app.resources.item.models import Item
from tests.factories import CheapItemFactory
from tests.fixtures import plugins as pytest_plugins

__all__ = ["pytest_plugins"]


@pytest.fixture
async def cheap_item(db_session: object) -> Item:
    return await CheapItemFactory.acreate()

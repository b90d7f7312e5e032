"""A factory of the user's own."""

from tests.factories.item import ItemFactory


class CheapItemFactory(ItemFactory):
    name = "Pebble"
    price = 0

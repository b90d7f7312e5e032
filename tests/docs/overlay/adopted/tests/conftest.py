import pytest


@pytest.fixture
def lamp() -> dict[str, object]:
    return {"sku": "lamp", "stock": 3}

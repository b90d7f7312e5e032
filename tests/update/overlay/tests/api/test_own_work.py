"""That what the user wrote still works."""

from fastapi import FastAPI
from httpx import AsyncClient

from app.resources.item.models import Item


async def test_an_item_is_found_by_its_name(client: AsyncClient, cheap_item: Item) -> None:
    found = await client.get("/items/search", params={"name": cheap_item.name})
    assert found.status_code == 200
    assert found.json()["id"] == cheap_item.id


async def test_a_name_that_no_item_has_is_404(client: AsyncClient) -> None:
    found = await client.get("/items/search", params={"name": "nobody"})
    assert found.status_code == 404
    assert found.json()["detail"] == "There is no item nobody."


async def test_an_item_has_a_rank_and_a_label(cheap_item: Item) -> None:
    assert cheap_item.rank == 3
    assert cheap_item.label.startswith("Pebble: 0")


async def test_the_own_router_answers_with_the_own_setting(client: AsyncClient) -> None:
    for path in ("/status", "/items/status"):
        assert (await client.get(path)).json() == {"greeting": "Hello"}


async def test_the_own_startup_has_run(app: FastAPI) -> None:
    assert app.state.is_up


async def test_all_requests_depend_on_the_own_dependency(client: AsyncClient) -> None:
    for path in ("/items", "/status"):
        response = await client.get(path, headers={"Accept-Language": "tlh"})
        assert response.status_code == 406


async def test_the_own_field_is_changed_answered_and_filtered_by(
    client: AsyncClient, cheap_item: Item
) -> None:
    changed = (await client.patch(f"/items/{cheap_item.id}", json={"rank": 9})).json()
    assert changed["rank"] == 9
    for rank, found in ((8, []), (9, [changed])):
        page = await client.get("/items", params={"rank": rank})
        assert page.json()["items"] == found

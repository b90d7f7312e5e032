"""Tests as articles about FastAPI and databases write them: short, and without types."""

import datetime as dt

import httpx
import pytest
from app.resources.user.models import User
from sqlalchemy import func, select

from tests.factories import OrderFactory, TaskFactory, UserFactory


async def test_a_user_is_created(client):
    response = await client.post("/users", json={"name": "ada", "email": "ada@example.com"})
    assert response.status_code == 201
    assert response.json()["name"] == "ada"
    assert response.headers["location"] == f"/users/{response.json()['id']}"


async def test_the_user_of_another_test_is_gone(client, db_session):
    assert (await client.get("/users")).json()["items"] == []
    assert await db_session.scalar(select(func.count()).select_from(User)) == 0


@pytest.fixture
async def seeded(db_session):
    db_session.add(User(name="root", email="root@example.com"))
    await db_session.commit()
    return db_session


async def test_a_seeded_user_is_listed_and_its_name_is_taken(seeded, client):
    users = (await client.get("/users")).json()["items"]
    assert [user["name"] for user in users] == ["root"]
    again = {"name": "root", "email": "other@example.com"}
    assert (await client.post("/users", json=again)).status_code == 409
    assert (await seeded.scalars(select(User.email))).all() == ["root@example.com"]


async def test_the_orders_of_a_user_are_listed(client, db_session):
    user = await UserFactory.acreate(role="premium")
    await OrderFactory.acreate_batch(5, user=user)
    await OrderFactory.acreate()
    assert len((await client.get(f"/users/{user.id}/orders")).json()["items"]) == 5
    assert len((await client.get("/orders")).json()["items"]) == 6


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("Buy milk", 201),
        ("A" * 200, 201),
        ("A" * 201, 422),
        ("", 422),
        (None, 422),
        (7, 422),
    ],
)
async def test_titles_are_validated(client, title, status):
    assert (await client.post("/tasks", json={"title": title})).status_code == status


async def test_a_slash_at_the_end_makes_no_difference(client):
    assert (await client.post("/tasks/", json={"title": "Buy milk"})).status_code == 201
    assert len((await client.get("/tasks/")).json()["items"]) == 1


async def test_a_task_lives_and_dies(client):
    task = (await client.post("/tasks", json={"title": "Buy milk"})).json()
    path = f"/tasks/{task['id']}"
    assert task["completed"] is False
    assert (await client.get(path)).json() == task
    changed = await client.patch(path, json={"completed": True})
    assert (changed.json()["title"], changed.json()["completed"]) == ("Buy milk", True)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_a_built_task_is_in_no_database(client, db_session):
    assert TaskFactory.build(title="Later").title == "Later"
    assert (await client.get("/tasks")).json()["items"] == []


async def test_the_service_lives(client):
    assert (await client.get("/health/live")).status_code == 200


async def test_another_service_is_mocked(respx_mock):
    respx_mock.get("https://pay.example.com/status").respond(json={"paid": True})
    async with httpx.AsyncClient() as other:
        assert (await other.get("https://pay.example.com/status")).json() == {"paid": True}


async def test_the_clock_stands_still(freeze_time):
    freeze_time(dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    assert dt.datetime.now(dt.UTC).isoformat() == "2030-01-01T00:00:00+00:00"


@pytest.mark.committed
async def test_real_commits_are_seen_by_others(client, db_session):
    await client.post("/tasks", json={"title": "Buy milk"})
    assert await db_session.scalar(select(func.txid_current())) != await db_session.scalar(
        select(func.txid_current())
    )

"""What `?q=` finds. Runs inside a rendered project with a resource of every type, all optional."""

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.resources.optional.crud import crud
from tests.factories import OptionalFactory


async def found(client: AsyncClient, q: str, **query: str) -> list[int]:
    """The ids of the rows that have the words."""
    response = await client.get("/optionals", params={"q": q, **query})
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()["items"]]


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("lamp", ["lamp", "table"]),
        ("LÄMPE", ["chair"]),
        ("bright lamp", ["lamp"]),
        ("table chair", []),
        ("table or chair", ["table", "chair"]),
        ("lamp -bright", ["table"]),
        ('"for a lamp"', ["table"]),
        ('"lamp a for"', []),
        ("lam", []),
        ("lamps", []),
        ("a", ["table"]),
        ("nothing", []),
    ],
)
async def test_words_are_found_in_all_fields_together(
    client: AsyncClient, db_session: AsyncSession, q: str, names: list[str]
) -> None:
    absent = dict.fromkeys(crud.searched)
    rows = [
        {"name": "lamp", "note": "very bright"},
        {"name": "table", "summary": "Room for a lamp!"},
        {"name": "chair", "remark": "Lämpe,\n<b>here</b>"},
        {},
    ]
    ids = {row.get("name"): (await OptionalFactory.acreate(**absent | row)).id for row in rows}
    assert await found(client, q) == [ids[name] for name in names]


async def test_a_changed_row_is_found_by_its_new_words(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    row = await OptionalFactory.acreate(note="before")
    await client.patch(f"/optionals/{row.id}", json={"note": "after"})
    assert await found(client, "before") == []
    assert await found(client, "after", state="fresh", sort="-name") == [row.id]


async def test_texts_of_the_greatest_length_can_be_searched(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    """Words of characters that take four bytes fill the index more than any others."""
    letters = [chr(number) for number in range(0x20000, 0x28000)]
    note = " ".join(f"{a}{b}-{b}{a}" for a, b in zip(letters, letters[::-1], strict=True))
    response = await client.post("/optionals", json={"note": note[:100_000]})
    assert response.status_code == 201, response.text
    assert await found(client, note[:2]) == [response.json()["id"]]

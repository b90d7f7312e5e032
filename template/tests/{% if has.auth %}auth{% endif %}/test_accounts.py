"""Accounts: registration, the verification of an address, and the password."""

import asyncio
import datetime as dt
import json
import re
import time
from email.message import EmailMessage

import pytest
from httpx import AsyncClient, Response
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.accounts import MAILS_A_USER, PASSWORDS_A_USER
from app.auth.models import Login, MailedToken, User
from app.auth.passwords import passwords
from app.main import create_app
from app.settings import Settings
from tests.api.contract import assert_problem
from tests.factories import UserFactory
from tests.factories.user import PASSWORD
from tests.fixtures.assert_queries import AssertQueries

ADA = {"email": "Ada@Example.com", "name": "Ada", "password": "ada's password"}
NEW = "a new password"
JSON = {"Content-Type": "application/json"}
LONG_AGO = func.now() - dt.timedelta(days=1)

Outbox = list[EmailMessage]


@pytest.fixture
def client(production_client: AsyncClient) -> AsyncClient:
    """A client that is not logged in, whatever `client` is in other tests."""
    return production_client


def token_in(message: EmailMessage) -> str:
    found = re.search(r"#token=(\S+)", message.get_content())
    assert found is not None
    return found[1]


async def log_in(client: AsyncClient, email: str, password: str) -> Response:
    return await client.post("/logins", json={"email": email, "password": password})


async def verify(client: AsyncClient, token: str, password: str = ADA["password"]) -> Response:
    return await client.post("/email-verifications", json={"token": token, "password": password})


async def ask_for_reset(client: AsyncClient, email: str) -> Response:
    return await client.post("/password-reset-requests", json={"email": email})


async def reset(client: AsyncClient, token: str, password: str = NEW) -> Response:
    return await client.post("/password-resets", json={"token": token, "password": password})


async def test_an_account_can_be_used_when_its_address_is_verified(
    client: AsyncClient, outbox: Outbox
) -> None:
    response = await client.post("/users", json=ADA)
    assert (response.status_code, response.content) == (202, b"")
    (message,) = outbox
    assert message["To"] == "ada@example.com"
    assert "http://localhost:3000/verify-email#token=" in message.get_content()
    assert_problem(await log_in(client, **credentials(ADA)), 403)
    assert (await verify(client, token_in(message))).status_code == 204
    login = await log_in(client, **credentials(ADA))
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    assert (await client.get("/me", headers=headers)).json()["name"] == "Ada"


def credentials(data: dict[str, str]) -> dict[str, str]:
    return {"email": data["email"], "password": data["password"]}


async def test_an_address_is_not_verified_by_somebody_elses_password(
    client: AsyncClient, outbox: Outbox
) -> None:
    """Else who registers the address of another would get their account."""
    await client.post("/users", json=ADA)
    token = token_in(outbox[0])
    assert_problem(await verify(client, token, "another password"), 422, "body")
    assert (await verify(client, token)).status_code == 204


async def test_who_registers_again_before_that_replaces_what_was_registered(
    client: AsyncClient, outbox: Outbox
) -> None:
    await client.post("/users", json=ADA | {"name": "Eve", "password": "eve's password"})
    await client.post("/users", json=ADA)
    assert (await verify(client, token_in(outbox[1]))).status_code == 204
    assert_problem(await log_in(client, ADA["email"], "eve's password"), 401)
    assert (await log_in(client, **credentials(ADA))).status_code == 201


async def test_registering_does_not_tell_whether_an_address_has_an_account(
    client: AsyncClient, user_of_ada: User, outbox: Outbox, assert_queries: AssertQueries
) -> None:
    seen = []
    for email in (user_of_ada.email, "nobody@example.com"):
        with assert_queries(3) as statements:
            response = await client.post("/users", json=ADA | {"email": email})
        headers = dict(response.headers) | {"x-request-id": ""}
        seen.append((response.status_code, response.text, headers, statements))
    assert seen[0] == seen[1]
    subjects = [message["Subject"].partition(": ")[2] for message in outbox]
    assert subjects == ["you are registered already", "verify your e-mail address"]
    assert_problem(await log_in(client, user_of_ada.email, ADA["password"]), 401)
    assert (await log_in(client, user_of_ada.email, PASSWORD)).status_code == 201


@pytest.fixture
async def user_of_ada(db_session: AsyncSession) -> User:
    return await UserFactory.acreate(email="ada@example.com")


async def test_a_reset_does_not_tell_whether_an_address_has_an_account(
    client: AsyncClient, user_of_ada: User, outbox: Outbox, assert_queries: AssertQueries
) -> None:
    seen = []
    for email in (user_of_ada.email, "nobody@example.com"):
        with assert_queries(2) as statements:
            response = await ask_for_reset(client, email)
        headers = dict(response.headers) | {"x-request-id": ""}
        seen.append((response.status_code, response.text, headers, statements))
    assert seen[0] == seen[1]
    assert seen[0][0] == 202
    assert [message["To"] for message in outbox] == [user_of_ada.email]


async def test_a_reset_sets_the_password_and_ends_all_logins(
    client: AsyncClient, user: User, auth_client: AsyncClient, outbox: Outbox
) -> None:
    await ask_for_reset(client, user.email)
    assert (await reset(client, token_in(outbox[0]))).status_code == 204
    assert_problem(await auth_client.get("/me"), 401)
    assert_problem(await log_in(client, user.email, PASSWORD), 401)
    assert (await log_in(client, user.email, NEW)).status_code == 201
    assert outbox[1]["Subject"].endswith("your password was changed")


async def test_a_reset_verifies_the_address_and_lets_a_locked_out_user_in(
    client: AsyncClient, db_session: AsyncSession, outbox: Outbox
) -> None:
    user = await UserFactory.acreate(verified_at=None)
    for _ in range(PASSWORDS_A_USER + 1):
        await log_in(client, user.email, "wrong password")
    await ask_for_reset(client, user.email)
    await reset(client, token_in(outbox[0]))
    assert (await log_in(client, user.email, NEW)).status_code == 201


async def test_a_mailed_token_can_be_used_once(
    client: AsyncClient, user: User, outbox: Outbox
) -> None:
    await ask_for_reset(client, user.email)
    await ask_for_reset(client, user.email)
    first, second = (token_in(message) for message in outbox)
    assert (await reset(client, second)).status_code == 204
    assert_problem(await reset(client, second), 422, "body", "token")
    assert_problem(await reset(client, first), 422, "body", "token")


class SlowHasher(Argon2Hasher):
    """Takes so long that all requests of a test arrive meanwhile."""

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        time.sleep(0.1)
        return super().hash(password, salt=salt)


@pytest.mark.committed
async def test_a_mailed_token_can_be_used_by_one_of_many_at_once(
    client: AsyncClient, user: User, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask_for_reset(client, user.email)
    monkeypatch.setattr(passwords, "hasher", SlowHasher(time_cost=1, memory_cost=8, parallelism=1))
    token = token_in(outbox[0])
    responses = await asyncio.gather(*(reset(client, token) for _ in range(5)))
    assert sorted(response.status_code for response in responses) == [204, 422, 422, 422, 422]


async def test_a_token_for_one_purpose_is_none_for_another(
    client: AsyncClient, user: User, outbox: Outbox
) -> None:
    await client.post("/users", json=ADA)
    await ask_for_reset(client, user.email)
    to_verify, to_reset = (token_in(message) for message in outbox)
    assert_problem(await reset(client, to_verify), 422)
    assert_problem(await verify(client, to_reset, PASSWORD), 422)


async def test_a_mailed_token_that_is_expired_or_made_up_is_422(
    client: AsyncClient, user: User, outbox: Outbox, db_session: AsyncSession
) -> None:
    await ask_for_reset(client, user.email)
    token = token_in(outbox[0])
    for wrong in ("", token[:-1], f"{token}x", "\x00"):
        assert_problem(await reset(client, wrong), 422)
    await db_session.execute(update(MailedToken).values(expires_at=LONG_AGO))
    assert_problem(await reset(client, token), 422)
    assert (await log_in(client, user.email, PASSWORD)).status_code == 201


async def test_nobody_can_flood_a_mailbox(client: AsyncClient, user: User, outbox: Outbox) -> None:
    for _ in range(MAILS_A_USER):
        assert (await ask_for_reset(client, user.email)).status_code == 202
    assert_problem(await ask_for_reset(client, user.email), 429)
    assert_problem(await client.post("/users", json=ADA | {"email": user.email}), 429)
    assert len(outbox) == MAILS_A_USER


async def test_a_changed_password_ends_all_other_logins(
    client: AsyncClient, auth_client: AsyncClient, user: User, outbox: Outbox
) -> None:
    other = (await log_in(client, user.email, PASSWORD)).json()["access_token"]
    change = {"current_password": PASSWORD, "new_password": NEW}
    assert (await auth_client.put("/me/password", json=change)).status_code == 204
    assert (await auth_client.get("/me")).status_code == 200
    assert_problem(await client.get("/me", headers={"Authorization": f"Bearer {other}"}), 401)
    assert (await log_in(client, user.email, NEW)).status_code == 201
    assert outbox[0]["Subject"].endswith("your password was changed")


async def test_a_changed_password_ends_the_links_in_mail(
    client: AsyncClient, auth_client: AsyncClient, user: User, outbox: Outbox
) -> None:
    await ask_for_reset(client, user.email)
    change = {"current_password": PASSWORD, "new_password": NEW}
    assert (await auth_client.put("/me/password", json=change)).status_code == 204
    assert_problem(await reset(client, token_in(outbox[0])), 422, "body", "token")


async def test_an_address_is_stored_and_used_in_ascii(
    client: AsyncClient, outbox: Outbox, db_session: AsyncSession
) -> None:
    await client.post("/users", json=ADA | {"email": "Ada@B\u00fccher.example"})
    assert outbox[0]["To"] == "ada@xn--bcher-kva.example"
    stored = await db_session.scalars(select(User.email))
    assert stored.all() == ["ada@xn--bcher-kva.example"]


async def test_a_password_is_changed_only_by_who_knows_it(
    auth_client: AsyncClient, user: User, client: AsyncClient
) -> None:
    change = {"current_password": "wrong password", "new_password": NEW}
    for _ in range(PASSWORDS_A_USER):
        response = await auth_client.put("/me/password", json=change)
        assert_problem(response, 422, "body", "current_password")
    assert_problem(await auth_client.put("/me/password", json=change), 429)


async def test_a_user_changes_their_name_and_nothing_else(auth_client: AsyncClient) -> None:
    before = (await auth_client.get("/me")).json()
    changed = await auth_client.patch("/me", json={"name": "Countess"})
    assert changed.json() == before | {"name": "Countess"}
    assert (await auth_client.get("/me")).json() == changed.json()
    for field in ("id", "email", "scopes", "password_hash"):
        change = {"name": "Eve", field: before.get(field)}
        assert_problem(await auth_client.patch("/me", json=change), 422, "body", field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada"),
        ("email", "ada@example.com, eve@example.com"),
        ("email", "ada@example.com\nBcc: eve@example.com"),
        ("email", "adé@example.com"),
        ("email", "\ud800@example.com"),
        ("password", "\ud800" * 10),
        ("name", ""),
        ("name", "\x00"),
        ("password", "too short"),
        ("password", "x" * 201),
        ("scopes", ["admin"]),
    ],
)
async def test_an_invalid_registration_is_422(
    client: AsyncClient, outbox: Outbox, field: str, value: object
) -> None:
    body = json.dumps(ADA | {field: value})  # httpx cannot send lone surrogates
    response = await client.post("/users", content=body, headers=JSON)
    assert_problem(response, 422, "body", field)
    assert outbox == []


async def test_a_password_can_have_every_character(
    client: AsyncClient, outbox: Outbox, db_session: AsyncSession
) -> None:
    data = ADA | {"password": "pässwörd \x00 🔑 \t"}
    await client.post("/users", json=data)
    assert (await verify(client, token_in(outbox[0]), data["password"])).status_code == 204
    assert (await log_in(client, **credentials(data))).status_code == 201
    assert len((await db_session.scalars(select(Login))).all()) == 1


async def test_production_does_not_start_without_the_address_of_links() -> None:
    url, key = SecretStr("postgresql://db/x"), SecretStr("k" * 32)
    settings = Settings(_env_file=None, environment="production", database_url=url, secret_key=key)
    app = create_app(settings)
    with pytest.raises(ValueError, match="set FRONTEND_URL"):
        async with app.router.lifespan_context(app):
            pass

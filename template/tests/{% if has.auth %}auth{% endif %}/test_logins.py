"""Logins: tokens, their end, and attempts to get one."""

import asyncio
import datetime as dt
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator

import pytest
from argon2 import extract_parameters
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.auth.accounts import ATTEMPTS_A_CLIENT, PASSWORDS_A_USER
from app.auth.models import AttemptCount, Login, User
from app.auth.passwords import passwords
from app.auth.throttling import client_of
from tests.api.contract import assert_problem
from tests.factories import UserFactory
from tests.factories.user import PASSWORD
from tests.fixtures.assert_queries import AssertQueries
from tests.fixtures.users import MakeClient

LONG_AGO = func.now() - dt.timedelta(days=1)


async def log_in(
    client: AsyncClient, email: str, password: str = PASSWORD, **headers: str
) -> Response:
    return await client.post(
        "/logins", json={"email": email, "password": password}, headers=headers
    )


def bearer(response: Response) -> dict[str, str]:
    assert response.status_code == 201, response.text
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


async def test_me_with_a_token_is_the_user(auth_client: AsyncClient, user: User) -> None:
    me = (await auth_client.get("/me")).json()
    assert me == {"id": user.id, "email": user.email, "name": user.name, "scopes": []}


async def test_me_without_a_token_is_401(production_client: AsyncClient) -> None:
    response = await production_client.get("/me")
    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_two_clients_are_two_users(make_client: MakeClient, user: User, admin: User) -> None:
    one, two = await make_client(user), await make_client(admin)
    assert (await one.get("/me")).json()["id"] == user.id
    assert (await two.get("/me")).json()["scopes"] == ["admin"]


async def test_a_password_is_exchanged_for_a_token(
    production_client: AsyncClient, user: User
) -> None:
    response = await log_in(production_client, user.email.upper())
    assert response.json()["token_type"] == "bearer"
    me = await production_client.get("/me", headers=bearer(response))
    assert me.json()["id"] == user.id


@pytest.fixture
def without_read_sessions(app: FastAPI) -> Iterator[None]:
    """For requests that only read, there may be a replica: it does not know what was written a
    moment ago, and takes no note of the use."""
    before = app.state.read_sessions
    app.state.read_sessions = None
    yield
    app.state.read_sessions = before


@pytest.mark.usefixtures("without_read_sessions")
async def test_logins_are_not_looked_up_where_requests_only_read(
    production_client: AsyncClient, user: User
) -> None:
    login = await log_in(production_client, user.email)
    assert (await production_client.get("/me", headers=bearer(login))).status_code == 200


async def test_a_login_ends_by_logging_out(production_client: AsyncClient, user: User) -> None:
    one = bearer(await log_in(production_client, user.email))
    other = bearer(await log_in(production_client, user.email))
    out = await production_client.delete("/logins/current", headers=one)
    assert (out.status_code, out.content) == (204, b"")
    assert_problem(await production_client.get("/me", headers=one), 401)
    assert (await production_client.get("/me", headers=other)).status_code == 200


async def test_all_logins_of_a_user_end_at_once_and_no_others(
    production_client: AsyncClient, user: User, auth_client: AsyncClient, admin: User
) -> None:
    mine = bearer(await log_in(production_client, user.email))
    theirs = bearer(await log_in(production_client, admin.email))
    assert (await production_client.delete("/logins", headers=mine)).status_code == 204
    assert_problem(await production_client.get("/me", headers=mine), 401)
    assert_problem(await auth_client.get("/me"), 401)
    assert (await production_client.get("/me", headers=theirs)).status_code == 200


async def test_a_user_sees_and_ends_only_logins_of_their_own(
    production_client: AsyncClient, auth_client: AsyncClient, user: User, admin: User
) -> None:
    mine = await log_in(production_client, user.email, **{"User-Agent": "Phone"})
    theirs = await log_in(production_client, admin.email)
    newest, current = (await auth_client.get("/logins")).json()["items"]
    assert (newest["id"], newest["user_agent"]) == (mine.json()["id"], "Phone")
    assert (newest["is_current"], current["is_current"]) == (False, True)
    assert_problem(await auth_client.delete(f"/logins/{theirs.json()['id']}"), 404)
    assert (await auth_client.delete(f"/logins/{newest['id']}")).status_code == 204
    assert_problem(await production_client.get("/me", headers=bearer(mine)), 401)


async def test_an_expired_token_is_401(auth_client: AsyncClient, db_session: AsyncSession) -> None:
    await db_session.execute(update(Login).values(expires_at=LONG_AGO))
    assert_problem(await auth_client.get("/me"), 401)


async def test_the_tokens_of_a_deleted_user_are_401(
    auth_client: AsyncClient, db_session: AsyncSession, user: User
) -> None:
    await db_session.delete(user)
    await db_session.flush()
    assert_problem(await auth_client.get("/me"), 401)


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
async def test_a_token_by_another_scheme_is_401(
    production_client: AsyncClient, user: User, scheme: str
) -> None:
    _, token = bearer(await log_in(production_client, user.email))["Authorization"].split()
    headers = {"Authorization": f"{scheme} {token}".strip()}
    assert_problem(await production_client.get("/me", headers=headers), 401)


async def test_a_token_that_is_nearly_right_is_401(
    production_client: AsyncClient, user: User, db_session: AsyncSession
) -> None:
    _, token = bearer(await log_in(production_client, user.email))["Authorization"].split()
    stored = (await db_session.scalars(select(Login.token_hash))).one()
    similar = [token[:-1], token[1:], f"{token}x", token.swapcase(), stored.hex()]
    for other in [*similar, "", "%", "x" * 9000]:
        headers = {"Authorization": f"Bearer {other}"}
        assert_problem(await production_client.get("/me", headers=headers), 401)
    in_bytes = [(b"Authorization", b"Bearer \xff\xfe")]
    assert_problem(await production_client.get("/me", headers=in_bytes), 401)


async def test_the_database_has_only_a_hash_of_the_token(
    production_client: AsyncClient, user: User, db_session: AsyncSession
) -> None:
    token = (await log_in(production_client, user.email)).json()["access_token"]
    (stored,) = (await db_session.execute(select(Login.__table__))).all()
    assert token not in str(stored)
    assert token.encode() not in stored.token_hash


async def test_logs_have_neither_tokens_nor_passwords(
    production_client: AsyncClient, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "app")
    login = await log_in(production_client, user.email)
    await production_client.get("/me", headers=bearer(login))
    await log_in(production_client, user.email, "wrong password")
    written = "".join(str(vars(record)) for record in caplog.records)
    assert "/me" in written
    for secret in (login.json()["access_token"], PASSWORD, "wrong password"):
        assert secret not in written


async def test_an_authenticated_request_sends_one_statement_more(
    auth_client: AsyncClient, assert_queries: AssertQueries
) -> None:
    with assert_queries(1):
        assert (await auth_client.get("/me")).status_code == 200


async def test_the_last_use_of_a_token_is_noted_once_a_minute(
    auth_client: AsyncClient, db_session: AsyncSession, assert_queries: AssertQueries
) -> None:
    await db_session.execute(update(Login).values(last_used_at=LONG_AGO))
    with assert_queries(1):
        assert (await auth_client.get("/me")).status_code == 200
    noted = (await db_session.scalars(select(Login.last_used_at))).one()
    assert noted > dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    await db_session.execute(update(Login).values(last_used_at=noted - dt.timedelta(seconds=30)))
    await auth_client.get("/me")
    assert (await db_session.scalars(select(Login.last_used_at))).one() < noted


class CountingHasher(Argon2Hasher):
    """Counts what it computes."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        self.verified.append(str(hash).rpartition("$")[0].rpartition("$")[0])  # its parameters
        return super().verify(password, hash)


async def test_unknown_users_and_wrong_passwords_cannot_be_told_apart(
    production_client: AsyncClient,
    user: User,
    assert_queries: AssertQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher = CountingHasher()
    monkeypatch.setattr(passwords, "hasher", hasher)
    seen = []
    for email in (user.email, "nobody@example.com"):
        with assert_queries(2) as statements:
            response = await log_in(production_client, email, "wrong password")
        headers = sorted(response.headers)
        seen.append((response.status_code, response.text, headers, statements, hasher.verified))
        hasher.verified = []
    known, unknown = seen
    assert known == unknown
    assert known[0] == 401
    assert len(known[4]) == 1


async def test_no_password_is_that_of_a_user_without_one(
    production_client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await UserFactory.acreate(password_hash="")
    assert_problem(await log_in(production_client, user.email, ""), 401)


async def test_an_unverified_address_is_named_only_with_the_right_password(
    production_client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await UserFactory.acreate(verified_at=None)
    assert_problem(await log_in(production_client, user.email, "wrong password"), 401)
    assert_problem(await log_in(production_client, user.email), 403)
    assert (await db_session.scalars(select(Login))).all() == []


async def test_after_too_many_attempts_even_the_right_password_is_429(
    production_client: AsyncClient, user: User, admin: User, db_session: AsyncSession
) -> None:
    for _ in range(PASSWORDS_A_USER):
        assert_problem(await log_in(production_client, user.email, "wrong password"), 401)
    response = await log_in(production_client, user.email)
    assert_problem(response, 429)
    assert 0 < int(response.headers["Retry-After"]) <= 15 * 60
    assert (await log_in(production_client, admin.email)).status_code == 201
    await db_session.execute(update(AttemptCount).values(expires_at=LONG_AGO))
    assert (await log_in(production_client, user.email)).status_code == 201


async def test_attempts_at_once_are_no_way_around_the_limit(
    production_client: AsyncClient, user: User
) -> None:
    attempts = (log_in(production_client, user.email, f"password {n}") for n in range(50))
    statuses = Counter(response.status_code for response in await asyncio.gather(*attempts))
    assert statuses == {401: PASSWORDS_A_USER, 429: 50 - PASSWORDS_A_USER}


async def test_the_right_password_lets_counting_begin_again(
    production_client: AsyncClient, user: User
) -> None:
    for _ in range(3):
        for _ in range(PASSWORDS_A_USER - 1):
            assert_problem(await log_in(production_client, user.email, "wrong password"), 401)
        assert (await log_in(production_client, user.email)).status_code == 201


async def test_a_client_cannot_try_one_address_after_another(
    production_client: AsyncClient, db_session: AsyncSession
) -> None:
    addresses = (f"user{n}@example.com" for n in range(ATTEMPTS_A_CLIENT + 50))
    attempts = (log_in(production_client, address, "password") for address in addresses)
    statuses = Counter(response.status_code for response in await asyncio.gather(*attempts))
    assert statuses == {401: ATTEMPTS_A_CLIENT, 429: 50}


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_a_client_has_a_network_of_ipv6(address: str, client: str) -> None:
    assert client_of(address) == client


async def test_a_login_deletes_what_has_expired(
    production_client: AsyncClient, user: User, db_session: AsyncSession
) -> None:
    await log_in(production_client, user.email)
    await log_in(production_client, "nobody@example.com")
    for model in (Login, AttemptCount):
        await db_session.execute(update(model).values(expires_at=LONG_AGO))
    await log_in(production_client, user.email)
    assert len((await db_session.scalars(select(Login))).all()) == 1
    assert len((await db_session.scalars(select(AttemptCount))).all()) == 1  # of the client


@pytest.mark.committed
async def test_a_login_does_not_wait_for_what_others_hold(
    production_client: AsyncClient, user: User, db_session: AsyncSession, engine: AsyncEngine
) -> None:
    await log_in(production_client, user.email)
    await log_in(production_client, "nobody@example.com")
    for model in (Login, AttemptCount):
        await db_session.execute(update(model).values(expires_at=LONG_AGO))
    nobody = hashlib.sha256(b"password nobody@example.com").digest()
    async with engine.begin() as other:
        await other.execute(select(Login).with_for_update())
        held = select(AttemptCount).where(AttemptCount.key_hash == nobody)
        assert len((await other.execute(held.with_for_update())).all()) == 1
        async with asyncio.timeout(5):
            assert (await log_in(production_client, user.email)).status_code == 201


def test_passwords_are_strong_outside_of_tests(strong_hasher: Argon2Hasher) -> None:
    """At least what OWASP asks for."""
    strong = extract_parameters(strong_hasher.hash("password"))
    assert strong.type.name == "ID"
    assert strong.memory_cost * strong.time_cost >= 19_456 * 2
    assert strong.hash_len >= 32
    assert strong.salt_len >= 16

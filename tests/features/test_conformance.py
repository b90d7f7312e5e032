"""A service with users or tenants conforms to its OpenAPI document, and answers nothing without a
token."""

from pathlib import Path

import pytest

from tests.features.conftest import Featured
from tests.harness.service import database, serve
from tests.service.test_conformance import look_for_counterexamples

EXAMPLES = "40"
VARIABLES = {
    "SMTP_URL": "smtp://127.0.0.1:1",  # where no server is
    "MAIL_FROM": "service@example.com",
    "FRONTEND_URL": "https://app.example.com",
}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)
LOG_IN = """
import asyncio
from sqlalchemy import func
from app.auth.accounts import LOGIN_LASTS
from app.auth.models import Login, User
from app.auth.tokens import digest, new_token
from app.database import create_engine, create_sessionmaker
from app.settings import DatabaseSettings

async def main():
    token, engine = new_token(), create_engine(DatabaseSettings())
    async with create_sessionmaker(engine).begin() as session:
        user = User(email="ada@example.com", name="Ada", password_hash="")
        session.add(user)
        await session.flush()
        expires_at = func.now() + LOGIN_LASTS
        session.add(
            Login(user_id=user.id, token_hash=digest(token), user_agent="", expires_at=expires_at)
        )
    await engine.dispose()
    print("token", token)

asyncio.run(main())
"""
LEFT_OUT = "^/(logins|realtime)"
"""Paths that end logins, and those whose responses do not end."""


@pytest.mark.thorough
def test_every_response_of_a_service_with_users_conforms(
    featured: Featured, tmp_path: Path
) -> None:
    project = featured("owners")
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        token = project.python(LOG_IN, DATABASE_URL=url).split()[-1]
        with serve(project, url, **VARIABLES) as client:
            options = (
                "--header",
                f"Authorization: Bearer {token}",
                "--exclude-path-regex",
                LEFT_OUT,
            )
            look_for_counterexamples(client, tmp_path, EXAMPLES, CHECKS, *options)
            me = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["email"] == "ada@example.com"


CREATE_TENANT = """
import asyncio
from app.database import create_engine, create_sessionmaker
from app.settings import DatabaseSettings
from app.tenancy import Tenant

async def main():
    engine = create_engine(DatabaseSettings())
    async with create_sessionmaker(engine).begin() as session:
        session.add(Tenant(name="Acme"))
    await engine.dispose()

asyncio.run(main())
"""


@pytest.mark.thorough
def test_every_response_of_a_service_with_tenants_conforms(
    featured: Featured, tmp_path: Path
) -> None:
    project = featured("tenants")
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        project.python(CREATE_TENANT, DATABASE_URL=url)
        with serve(project, url) as client:
            options = ("--header", "X-Tenant-ID: 1")
            look_for_counterexamples(client, tmp_path, EXAMPLES, CHECKS[:-1], *options)

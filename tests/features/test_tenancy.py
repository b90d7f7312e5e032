"""What the feature tenancy does to a service, and a service of it."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.features.conftest import FEATURED, Featured
from tests.grammar.macros import feature_problem, problem
from tests.harness.pgbouncer import PROGRAM, pgbouncer
from tests.harness.project import MIGRATIONS, Copy, Project, render
from tests.harness.servers import Server, embedded, server
from tests.harness.service import database, serve
from tests.harness.template import ROOT, commit, git
from tests.harness.thorough import fewer
from tests.harness.updates import replace
from tests.project.test_suite import assert_all_passed
from tests.service.test_console import console
from tests.service.test_round_trips import served

DOCUMENT = (ROOT / "docs" / "features" / "tenancy.md").read_text()
ENABLING = '    op.execute(\n        "ALTER TABLE items ENABLE ROW LEVEL SECURITY",\n    )\n'


@pytest.fixture
def tenants(featured: Featured, copy: Copy) -> Project:
    """A project whose resources refer to one another, for a test to change."""
    return copy(featured("tenants"))


def test_autogenerate_gives_the_tables_of_a_service_to_tenants(
    template: Path, tmp_path: Path, default_project: Project
) -> None:
    answers = FEATURED["tenants"] | {"features": []}
    project = Project(render(template, tmp_path / "service", answers).path, default_project.venv)
    said = project.run("feature", "add", "tenancy")
    assert said.startswith("Added tenancy. Create the migration, review it, and run the tests:")
    assert "All resources now require a tenant" in said
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        message = ("--message", "add tenancy")
        project.alembic("revision", "--autogenerate", *message, DATABASE_URL=url)
        for verb, revision in (("upgrade", "head"), ("downgrade", "-1"), ("upgrade", "head")):
            project.alembic(verb, revision, DATABASE_URL=url)
        project.alembic("check", DATABASE_URL=url)
    project.run("ruff", "check")
    chosen = fewer(f"tests/api/test_orders.py tests/tenancy {MIGRATIONS}")
    assert_all_passed(project.pytest(code=0, **chosen))


def test_the_console_acts_for_no_tenant_as_the_document_says(tenants: Project) -> None:
    [example] = re.findall(r"^uv run console\n((?:>>> .*\n)+)", DOCUMENT, re.MULTILINE)[:1]
    typed = example.replace(">>> ", "")
    typed += "session.add(Item(tenant_id=1, name='lamp'))\nawait session.commit()\n"
    typed += "[item.name for item in await session.scalars(select(Item))]\n"
    with database(tenants) as url:
        tenants.alembic("upgrade", "head", DATABASE_URL=url)
        output = console(tenants, typed, DATABASE_URL=url)
    assert ">>> ['lamp']\n" in output


def test_a_missing_policy_ends_the_run_of_the_tests(tenants: Project) -> None:
    replace(tenants.path, {"migrations/versions/0001_initial.py": (ENABLING, "")})
    said = tenants.pytest("tests/tenancy", code=None)
    assert "no migration that would\n  limit rows of items\n" in said


def test_a_missing_role_ends_the_run_of_the_tests(tenants: Project) -> None:
    migration = tenants.path / "migrations" / "versions" / "0001_initial.py"
    text = migration.read_text()
    migration.write_text(text.replace("ALTER DEFAULT PRIVILEGES", "-- ALTER DEFAULT PRIVILEGES"))
    said = tenants.pytest("tests/tenancy", code=None)
    assert "no migration that would\n  give rights to my_service_tenant in public\n" in said


UNLIMITED = """
DO $$ BEGIN
ASSERT NOT (SELECT relrowsecurity FROM pg_class WHERE relname = 'labels');
ASSERT NOT EXISTS (SELECT FROM pg_policies WHERE tablename = 'labels');
END $$
"""
LABEL = """

class Label(OfTenant, Base):
    __tablename__ = "labels"
    name: Mapped[str]
"""


def test_a_table_that_leaves_the_tenants_keeps_nothing_that_limits_its_rows(
    tenants: Project,
) -> None:
    models = tenants.path / "app" / "resources" / "item" / "models.py"
    models.write_text(models.read_text() + LABEL)
    with database(tenants) as url:
        for number in ("0002", "0003"):
            tenants.alembic("upgrade", "head", DATABASE_URL=url)
            tenants.alembic("revision", "--autogenerate", "--rev-id", number, DATABASE_URL=url)
            tenants.alembic("upgrade", "head", DATABASE_URL=url)
            # As whoever dumps the rows of all tenants may have done.
            owned = "ALTER TABLE labels NO FORCE ROW LEVEL SECURITY"
            tenants.python(EXECUTE, DATABASE_URL=url, SQL=owned)
            models.write_text(models.read_text().replace("Label(OfTenant, Base)", "Label(Base)"))
        tenants.python(EXECUTE, DATABASE_URL=url, SQL=UNLIMITED)


IN_OTHER_SCHEMA = """

class Plan(OfTenant, Base):
    __tablename__ = "$TABLE"
    __table_args__ = {"schema": "$SCHEMA"}
    name: Mapped[str]


class Rate(Base):
    __tablename__ = "rates"
    __table_args__ = {"schema": "$SCHEMA"}
    name: Mapped[str]
"""

TEST_OTHER_SCHEMA = """
from fastapi import FastAPI
from sqlalchemy import select

from app.resources.item.models import Plan, Rate
from app.tenancy import Tenant, acting_for


async def test_plans_are_those_of_the_tenant(
    app: FastAPI, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    for tenant in (tenant_a, tenant_b):
        with acting_for(tenant.id):
            async with app.state.sessions.begin() as session:
                session.add_all([Plan(name=tenant.name), Rate(name=tenant.name)])
            async with app.state.sessions() as session:
                assert (await session.scalars(select(Plan.name))).all() == [tenant.name]
    async with app.state.sessions() as session:
        assert len((await session.scalars(select(Rate.name))).all()) == 2
"""


@pytest.mark.parametrize(("schema", "table"), [("billing", "plans"), ("Own", "order")])
def test_models_of_another_schema_can_belong_to_tenants(
    tenants: Project, schema: str, table: str
) -> None:
    models = tenants.path / "app" / "resources" / "item" / "models.py"
    in_schema = IN_OTHER_SCHEMA.replace("$SCHEMA", schema).replace("$TABLE", table)
    models.write_text(models.read_text() + in_schema)
    (tenants.path / "tests" / "test_plans.py").write_text(TEST_OTHER_SCHEMA)
    said = tenants.pytest("tests/test_plans.py", code=None)
    assert re.search(rf'give rights to my_service_tenant in "?{schema}"?\n', said)
    with database(tenants) as url:
        tenants.alembic("upgrade", "head", DATABASE_URL=url)
        message = ("--message", "billing", "--rev-id", "0002")
        tenants.alembic("revision", "--autogenerate", *message, DATABASE_URL=url)
        replace(
            tenants.path / "migrations" / "versions",
            {
                "0002_billing.py": (
                    "def upgrade() -> None:\n",
                    f"def upgrade() -> None:\n    op.execute('CREATE SCHEMA \"{schema}\"')\n",
                )
            },
        )
        tenants.alembic("upgrade", "head", DATABASE_URL=url)
        tenants.alembic("check", DATABASE_URL=url)
        tenants.alembic("downgrade", "-1", DATABASE_URL=url)
    tenants.pytest("tests/test_plans.py")


@pytest.mark.parametrize(
    ("file", "old", "new", "failing"),
    [
        # The engine is not held to tenants.
        (
            "app/features.py",
            "    hold_to_tenants,\n",
            "",
            "test_without_a_tenant_there_are_no_rows",
        ),
        # A unique value is so for all tenants.
        (
            "app/resources/item/models.py",
            'sa.UniqueConstraint(\n            "tenant_id",\n            "name",',
            'sa.UniqueConstraint(\n            "name",',
            "test_whatever_is_unique_is_so_for_a_tenant",
        ),
    ],
)
def test_a_hole_is_found(tenants: Project, file: str, old: str, new: str, failing: str) -> None:
    replace(tenants.path, {file: (old, new)})
    said = tenants.pytest("tests/tenancy", "-k", failing, code=1)
    assert "FAILED tests/tenancy/" in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tenant name:str", "Resource 'tenant': 'tenant' is a name that the feature 'tenancy' has"),
        ("note tenant_id:int", "Field 'tenant_id' of 'note': the feature 'tenancy' adds a column"),
        ("note tenant:ref(item)", "Field 'tenant' of 'note': the feature 'tenancy' adds a column"),
    ],
)
def test_names_of_the_feature_are_taken_with_it(line: str, sentence: str) -> None:
    assert feature_problem({"item": "name:str"}, line, ["tenancy"]).startswith(sentence)


def test_names_of_the_feature_are_free_without_it() -> None:
    for line in ("tenant name:str", "note tenant_id:int"):
        assert problem({}, line) == ""


EXECUTE = """
import asyncio, os, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(os.environ["SQL"])

asyncio.run(main())
"""
TENANTS = (1, 2, 3)


@pytest.fixture
def postgres(featured: Featured) -> Iterator[Server]:
    """A server with three tenants, and a role for the service."""
    project = featured("tenants")
    with server(embedded(project.venv)) as found:
        project.alembic("upgrade", "head", DATABASE_URL=found.url)
        create = (
            "INSERT INTO tenants (name) VALUES ('a'), ('b'), ('c');"
            "CREATE ROLE service LOGIN IN ROLE my_service_tenant"
        )
        project.python(EXECUTE, DATABASE_URL=found.url, SQL=create)
        yield found


def headers(tenant: int) -> dict[str, str]:
    return {"X-Tenant-ID": str(tenant)}


def write_and_read(client: httpx.Client) -> None:
    """Let all tenants write at once, and then read, and find what they have written."""

    def write(number: int) -> None:
        tenant = TENANTS[number % len(TENANTS)]
        item = {"name": f"{number} of {tenant}"}
        assert client.post("/items", json=item, headers=headers(tenant)).status_code == 201

    def read(number: int) -> None:
        tenant = TENANTS[number % len(TENANTS)]
        items = client.get("/items", params={"limit": 100}, headers=headers(tenant)).json()["items"]
        assert len(items) == 20
        assert all(item["name"].endswith(f" of {tenant}") for item in items)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(20 * len(TENANTS))))
        list(threads.map(read, range(50 * len(TENANTS))))


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
def test_no_answer_is_that_of_another_tenant_behind_a_pooler(
    featured: Featured, postgres: Server
) -> None:
    """The pooler logs in as a superuser, whom no policy limits."""
    with (
        pgbouncer(postgres.port) as pooler,
        serve(featured("tenants"), pooler.url, DATABASE_POOLER="transaction") as client,
    ):
        write_and_read(client)
        assert client.get("/items", headers=headers(4)).status_code == 422
        assert client.get("/health/ready").json() == {"status": "ok"}


def test_the_service_can_log_in_with_a_role_that_has_no_other_rights(
    featured: Featured, postgres: Server
) -> None:
    url = postgres.url.replace("postgres@", "service@")
    with serve(featured("tenants"), url) as client:
        write_and_read(client)


def test_a_service_that_cannot_act_in_the_role_answers_nothing(
    featured: Featured, postgres: Server
) -> None:
    project = featured("tenants")
    sql = "REVOKE my_service_tenant FROM service; GRANT SELECT ON items, tenants TO service"
    project.python(EXECUTE, DATABASE_URL=postgres.url, SQL=sql)
    with serve(project, postgres.url.replace("postgres@", "service@")) as client:
        assert client.get("/items", headers=headers(1)).status_code == 500


@pytest.mark.parametrize(
    ("method", "path", "round_trips"),
    [
        # Look for the tenant; then BEGIN, act for it, SELECT, ROLLBACK.
        ("GET", "/items?limit=1", 5),
        ("GET", "/items/1", 5),
        # The same with INSERT and COMMIT.
        ("POST", "/items", 5),
    ],
)
def test_a_request_waits_for_the_database_as_often_as_the_document_says(
    featured: Featured, method: str, path: str, round_trips: int
) -> None:
    project, sql = featured("tenants"), "INSERT INTO tenants (name) VALUES ('a')"
    with served(project) as (client, between):
        url = between.url
        project.python(EXECUTE, DATABASE_URL=url, SQL=sql)
        client.headers.update(headers(1))
        counts = []
        client.post("/items", json={"name": "first"}).raise_for_status()
        for number in range(3):
            body = {"name": f"item {number}"} if method == "POST" else None
            before = between.round_trips
            client.request(method, path, json=body).raise_for_status()
            counts.append(between.round_trips - before)
    assert counts[-1] == round_trips


@pytest.mark.thorough
def test_the_feature_can_be_dropped_as_the_document_says(
    template: Path, tmp_path: Path, default_project: Project
) -> None:
    answers = FEATURED["tenants"] | {"features": []}
    project = Project(render(template, tmp_path / "service", answers).path, default_project.venv)
    with database(project) as url:
        autogenerate = ("revision", "--autogenerate", "--message", "change", "--rev-id")
        project.run("feature", "add", "tenancy")
        project.alembic("upgrade", "head", DATABASE_URL=url)
        project.alembic(*autogenerate, "0002", DATABASE_URL=url)
        project.alembic("upgrade", "head", DATABASE_URL=url)
        commit(project.path, "Add tenancy")
        said = project.run("feature", "drop", "tenancy")
        assert "Drop the policies by hand" in said
        commit(project.path, "Drop tenancy")
        changed = git(project.path, "diff", "--name-only", "HEAD~2", "HEAD")
        assert changed == "migrations/versions/0002_change.py\n"
        project.alembic(*autogenerate, "0003", DATABASE_URL=url)
        drop_policies(project.path / "migrations" / "versions" / "0003_change.py")
        project.alembic("upgrade", "head", DATABASE_URL=url)
        project.alembic("check", DATABASE_URL=url)
        sql = "DROP OWNED BY my_service_tenant; DROP ROLE my_service_tenant"
        project.python(EXECUTE, DATABASE_URL=url, SQL=sql)
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")


def drop_policies(migration: Path) -> None:
    """As docs/features/tenancy.md says."""
    statements = "".join(
        f'    op.execute("DROP POLICY tenant ON {table}")\n'
        f'    op.execute("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")\n'
        for table in ("items", "orders", "order_lines", "order_line_offers")
    )
    begin = "def upgrade() -> None:\n"
    replace(migration.parent, {migration.name: (begin, begin + statements)})

"""The template database: when it is rebuilt, and that it is complete."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import URL
from tests.databases.conftest import Project

from dev import postgres
from dev.databases import catalog
from dev.databases.catalog import ForeignDatabaseError, Run
from dev.databases.connections import connect
from dev.databases.template import Template, TemplateError, fingerprint

PROJECT = Path(postgres.__file__).parents[2]

RUN = Run("shop", "run1")
OTHER_RUN = Run("shop", "run2")

TIMEOUT = 120
"""Seconds after which a test is considered to hang."""

UNTIL_ANOTHER_CONNECTS = """
op.execute('''
DO $$ BEGIN
    WHILE (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) < 2 LOOP
        PERFORM pg_sleep(0.01);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END $$''')
"""
"""A migration that goes on when somebody else has connected to its database."""


async def names(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("SELECT datname FROM pg_database")
    return {row["datname"] for row in rows}


async def tables(server: URL, connection: asyncpg.Connection, template: Template) -> set[str]:
    """The tables of a copy of the template."""
    await catalog.create(connection, "copy_of_template", RUN, template.name)
    copy = await connect(server.set(database="copy_of_template"))
    try:
        rows = await copy.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row["tablename"] for row in rows}
    finally:
        await copy.close()
        await catalog.drop(connection, "copy_of_template")


@pytest.fixture
def template(server: URL, project: Project, request: pytest.FixtureRequest) -> Template:
    """A template that does not exist yet."""
    name = "shop_" + request.node.name.removeprefix("test_")[:40].replace("[", "_").strip("]")
    return Template(name, server, project.path)


class TestTheFingerprint:
    async def test_is_the_same_for_the_same_migrations(
        self, connection: asyncpg.Connection, project: Project
    ) -> None:
        assert await fingerprint(connection, project.path) == await fingerprint(
            connection, project.path
        )

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("migrations/versions/0001.py", "# another"),
            ("migrations/versions/0002.py", ""),
            ("migrations/versions/archive/0000.py", ""),
            ("migrations/env.py", "# another"),
            ("migrations/versions/countries.sql", "SELECT 1"),
        ],
    )
    async def test_changes_with(
        self, connection: asyncpg.Connection, project: Project, name: str, text: str
    ) -> None:
        before = await fingerprint(connection, project.path)
        project.write(name, text)
        assert await fingerprint(connection, project.path) != before

    async def test_changes_when_a_migration_is_renamed(
        self, connection: asyncpg.Connection, project: Project
    ) -> None:
        before = await fingerprint(connection, project.path)
        versions = project.path / "migrations" / "versions"
        (versions / "0001.py").rename(versions / "0001_initial.py")
        assert await fingerprint(connection, project.path) != before

    async def test_changes_when_two_files_become_one_with_the_same_text(
        self, connection: asyncpg.Connection, project: Project
    ) -> None:
        project.write("migrations/versions/a.py", "one")
        project.write("migrations/versions/b.py", "two")
        before = await fingerprint(connection, project.path)
        project.write("migrations/versions/a.py", "oneversions/b.pytwo")
        (project.path / "migrations" / "versions" / "b.py").unlink()
        assert await fingerprint(connection, project.path) != before

    async def test_does_not_change_with_compiled_files(
        self, connection: asyncpg.Connection, project: Project
    ) -> None:
        before = await fingerprint(connection, project.path)
        project.write("migrations/versions/__pycache__/0001.cpython-311.pyc", "bytes")
        assert await fingerprint(connection, project.path) == before

    async def test_changes_with_the_extensions_that_the_server_offers(
        self, connection: asyncpg.Connection, project: Project
    ) -> None:
        before = await fingerprint(connection, project.path)
        # A table in front of the catalog's view, with one extension less.
        await connection.execute(
            "CREATE TEMP TABLE pg_available_extensions AS "
            "SELECT * FROM pg_catalog.pg_available_extensions WHERE name <> 'plpgsql'"
        )
        await connection.execute("SET search_path TO pg_temp, pg_catalog")
        assert await fingerprint(connection, project.path) != before


class TestTheTemplate:
    async def test_is_built_once(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        assert await template.ensure(connection, RUN, rebuild=False)
        assert not await template.ensure(connection, OTHER_RUN, rebuild=False)
        assert project.migrations_run() == 1

    async def test_holds_what_the_migrations_make(
        self, server: URL, connection: asyncpg.Connection, template: Template
    ) -> None:
        await template.ensure(connection, RUN, rebuild=False)
        assert await tables(server, connection, template) == {"alembic_version", "items"}

    async def test_cannot_be_changed_or_dropped_by_accident(
        self, server: URL, connection: asyncpg.Connection, template: Template
    ) -> None:
        await template.ensure(connection, RUN, rebuild=False)
        with pytest.raises(asyncpg.PostgresError, match="not currently accepting connections"):
            await connect(server.set(database=template.name))
        with pytest.raises(asyncpg.PostgresError, match="cannot drop a template"):
            await connection.execute(f'DROP DATABASE "{template.name}"')

    async def test_is_built_once_for_ten_concurrent_callers(
        self, server: URL, template: Template, project: Project
    ) -> None:
        connections = [await connect(server) for _ in range(10)]
        try:
            runs = [Run("shop", f"run{number // 2}") for number in range(10)]
            built = await asyncio.gather(
                *(
                    template.ensure(connection, run, rebuild=False)
                    for connection, run in zip(connections, runs, strict=True)
                )
            )
        finally:
            for connection in connections:
                await connection.close()
        assert sum(built) == 1
        assert project.migrations_run() == 1

    async def test_can_have_an_index_that_is_built_concurrently_while_others_wait_for_it(
        self, server: URL, template: Template, project: Project
    ) -> None:
        project.migrate(
            "op.execute('CREATE TABLE items (id int)')",
            "with op.get_context().autocommit_block():",
            "    op.execute('SELECT pg_sleep(0.2)')",
            "    op.execute('CREATE INDEX CONCURRENTLY by_id ON items (id)')",
        )
        connections = [await connect(server) for _ in range(3)]
        try:
            async with asyncio.timeout(TIMEOUT):
                built = await asyncio.gather(
                    *(template.ensure(each, RUN, rebuild=False) for each in connections)
                )
        finally:
            for connection in connections:
                await connection.close()
        assert sum(built) == 1

    async def test_is_rebuilt_once_in_each_run_with_rebuild(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        await template.ensure(connection, RUN, rebuild=False)
        for _ in range(2):
            await template.ensure(connection, OTHER_RUN, rebuild=True)
        assert project.migrations_run() == 2

    async def test_is_rebuilt_if_it_is_not_marked_as_complete(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        await template.ensure(connection, RUN, rebuild=False)
        await connection.execute(f'ALTER DATABASE "{template.name}" IS_TEMPLATE false')
        assert await template.ensure(connection, RUN, rebuild=False)
        assert project.migrations_run() == 2

    async def test_is_built_after_an_interrupted_build(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        await catalog.create(connection, f"{template.name}_{RUN.id}", RUN)
        assert await template.ensure(connection, RUN, rebuild=False)

    async def test_never_replaces_a_database_that_the_tests_did_not_create(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        await connection.execute(f'CREATE DATABASE "{template.name}"')
        with pytest.raises(ForeignDatabaseError, match=template.name):
            await template.ensure(connection, RUN, rebuild=True)
        assert template.name in await names(connection)
        assert project.migrations_run() == 0

    async def test_is_completed_even_if_something_is_still_connected_to_it(
        self, server: URL, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        project.migrate(*UNTIL_ANOTHER_CONNECTS.splitlines())
        unfinished = server.set(database=f"{template.name}_{RUN.id}")

        async def connect_while_it_is_built() -> asyncpg.Connection:
            while True:
                try:
                    return await connect(unfinished)
                except asyncpg.PostgresError:
                    await asyncio.sleep(0.01)

        async with asyncio.timeout(TIMEOUT):
            built, left = await asyncio.gather(
                template.ensure(connection, RUN, rebuild=False), connect_while_it_is_built()
            )
        assert built
        left.terminate()

    async def test_is_used_without_importing_alembic_if_it_exists(
        self, server: URL, connection: asyncpg.Connection, template: Template
    ) -> None:
        await template.ensure(connection, RUN, rebuild=False)
        program = f"""
import asyncio, sys
from pathlib import Path
from sqlalchemy import make_url
from dev.databases.catalog import Run
from dev.databases.connections import connect
from dev.databases.template import Template

async def main():
    url = make_url({server.render_as_string(hide_password=False)!r})
    connection = await connect(url)
    template = Template({template.name!r}, url, Path({str(template.project)!r}))
    assert not await template.ensure(connection, Run("shop", "other"), rebuild=False)
    assert "alembic" not in sys.modules

asyncio.run(main())
"""
        subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True)


class TestTheMigrations:
    async def test_can_be_in_the_folder_that_alembic_ini_names(
        self, server: URL, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        project.write("pyproject.toml", "")
        project.write("alembic.ini", "[alembic]\nscript_location = %(here)s/db/alembic\n")
        (project.path / "db").mkdir()
        (project.path / "migrations").rename(project.path / "db" / "alembic")
        before = await fingerprint(connection, project.path)
        await template.ensure(connection, RUN, rebuild=False)
        assert "items" in await tables(server, connection, template)
        project.write("db/alembic/versions/0002.py", "# another")
        assert await fingerprint(connection, project.path) != before

    @pytest.mark.parametrize(
        "section", ["", '[tool.alembic]\nscript_location = "package:migrations"\n']
    )
    async def test_that_are_not_found_are_an_error(
        self, connection: asyncpg.Connection, project: Project, section: str
    ) -> None:
        project.write("pyproject.toml", section)
        with pytest.raises(TemplateError, match=r"alembic\.ini"):
            await fingerprint(connection, project.path)

    async def test_run_on_the_template_whatever_database_they_name(
        self, server: URL, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        elsewhere = (
            "postgresql+asyncpg://user:password@elsewhere.invalid:5433/production?ssl=require"
        )
        text = (project.path / "migrations" / "env.py").read_text()
        project.write(
            "migrations/env.py", text.replace('context.config.attributes["url"]', repr(elsewhere))
        )
        await template.ensure(connection, RUN, rebuild=False)
        assert "items" in await tables(server, connection, template)

    async def test_do_not_configure_logging(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        project.write("alembic.ini", "[alembic]\n")
        text = (project.path / "migrations" / "env.py").read_text()
        project.write(
            "migrations/env.py", f"{text}\nassert context.config.config_file_name is None\n"
        )
        assert await template.ensure(connection, RUN, rebuild=False)


class TestAFailingBuild:
    async def test_reports_the_failed_line_and_leaves_nothing_behind(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        before = await names(connection)
        project.migrate("op.execute('CREATE TABLE items (id nonsense)')")
        with pytest.raises(TemplateError) as caught:
            await template.ensure(connection, RUN, rebuild=False)
        assert 'type "nonsense" does not exist' in str(caught.value)
        assert "0001.py:13" in str(caught.value)
        assert await names(connection) == before

    async def test_is_repeated_by_the_next_caller(
        self, connection: asyncpg.Connection, template: Template, project: Project
    ) -> None:
        project.migrate("raise RuntimeError('not yet')")
        with pytest.raises(TemplateError, match="not yet"):
            await template.ensure(connection, RUN, rebuild=False)
        project.migrate("pass")
        assert await template.ensure(connection, RUN, rebuild=False)

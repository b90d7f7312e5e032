"""What a developer sees of a test that fails."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.harness.project import Project
from tests.harness.template import write
from tests.harness.thorough import fewer, usually
from tests.harness.updates import replace

FAILING = """
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.factories import ItemFactory

async def test_request(client: AsyncClient) -> None:
    await client.get("/broken")

async def test_query(db_session: AsyncSession) -> None:
    await db_session.execute(text("SELECT * FROM nowhere"))

async def test_factory(db_session: AsyncSession) -> None:
    await ItemFactory.acreate(name="x" * 1000)
"""

OWN_CONFTEST = """
import pytest
from app.settings import Settings
from tests.fixtures import plugins as pytest_plugins

__all__ = ["pytest_plugins"]

@pytest.fixture(scope="session")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_json_depth": 9})
"""

OWN_SETTING = """
from fastapi import FastAPI
from app.settings import Settings

def test_own_setting(app: FastAPI) -> None:
    assert app.state.settings.max_json_depth == 9
    assert Settings().max_json_depth == 50
"""

OWN_SETTINGS = {"tests/conftest.py": OWN_CONFTEST, "tests/unit/test_own.py": OWN_SETTING}

BROKEN = """
from fastapi import APIRouter

router = APIRouter()

@router.get("/broken")
async def broken() -> None:
    raise ValueError("broken")
"""


def test_a_missing_setting_is_reported_once(own_project: Project) -> None:
    place = "    # Your own settings go below this line.\n"
    replace(own_project.path, {"app/settings.py": (place, f"{place}\n    api_token: SecretStr\n")})
    for chosen in ((), ("tests/unit",), ("tests/api/test_health.py", "-n0")):
        output = own_project.pytest(*chosen, code=1)
        assert output.count("The settings for the tests are invalid; ") == 1
        assert output.count("api_token\n  Field required") == 1
        assert 'tests/conftest.py: os.environ["API_TOKEN"] = "only-for-tests"' in output
        assert len(output.splitlines()) < 30
    with (own_project.path / "tests" / "conftest.py").open("a") as conftest:
        conftest.write('\nimport os\n\nos.environ["API_TOKEN"] = "only-for-tests"\n')
    own_project.pytest("tests/unit", "tests/api/test_health.py")


BREAK_A_VIEW = """

def upgrade_and_drop(create=upgrade):
    create()
    op.execute("CREATE VIEW dear AS SELECT price FROM items")
    op.execute("ALTER TABLE items DROP price")


upgrade = upgrade_and_drop
"""


def forget_a_migration(project: Project) -> str:
    with (project.path / "app/resources/item/models.py").open("a") as models:
        models.write("\n    rank: Mapped[int] = mapped_column(sa.Integer())\n")
    return "  add column items.rank\n"


def break_a_migration(project: Project) -> str:
    with (project.path / "migrations/versions/0001_initial.py").open("a") as migration:
        migration.write("raise RuntimeError('a broken migration')\n")
    return "The migrations failed on an empty database: a broken migration\n"


def break_a_view(project: Project) -> str:
    with (project.path / "migrations/versions/0001_initial.py").open("a") as migration:
        migration.write(BREAK_A_VIEW)
    return "DETAIL: view dear depends on column price of table items\nHINT: Use DROP ... CASCADE"


def merge_branches_that_contradict(project: Project) -> str:
    for name, change in {
        "a": "rename_table('items', 'things')",
        "b": "drop_table('items')",
    }.items():
        (project.path / f"migrations/versions/{name}.py").write_text(
            "from alembic import op\n\n"
            f"revision = '{name}'\ndown_revision = '0001'\n\n\n"
            f"def upgrade() -> None:\n    op.{change}\n"
        )
    return (
        '  in migrations/versions/a.py: down_revision: str | None = "b"\n'
        '  in migrations/versions/b.py: down_revision: str | None = "a"\n'
    )


def lose_the_server(project: Project) -> str:
    ready = "            self.embedded.wait_until_ready()\n"
    lost = f"{ready}            raise ConnectionRefusedError('gone')\n"
    replace(project.path, {"dev/databases/server.py": (ready, lost)})
    return "The databases of the tests could not be prepared: gone\n"


SPOILERS = [
    forget_a_migration,
    break_a_migration,
    break_a_view,
    merge_branches_that_contradict,
    lose_the_server,
]


@pytest.mark.parametrize(("workers", "spoil"), usually(product(("0", "2"), SPOILERS), 6))
def test_what_concerns_all_tests_is_said_before_those_that_need_no_database(
    own_project: Project, workers: str, spoil: Callable[[Project], str]
) -> None:
    names = [f"tests/a_unit/test_module_{number}.py" for number in range(30)]
    write(own_project.path, dict.fromkeys(names, "def test_nothing() -> None: ...\n"))
    reason = spoil(own_project)
    order = ("-p", "no:randomly", "tests/a_unit", "tests/api")
    output = own_project.pytest(*order, "-n", workers, code=None)
    assert output.count(reason) == 1
    assert "no tests ran" in output
    assert len(output.splitlines()) <= 30
    assert "30 passed" in own_project.pytest("tests/a_unit")


def test_environment_variables_do_not_change_settings_that_have_a_default(
    own_project: Project,
) -> None:
    key = "a key of the developer's shell, long enough"
    variables = fewer("tests/unit tests/integration")
    own_project.pytest(
        code=0, DATABASE_POOLER="transaction", SECRET_KEY=key, log_level="DEBUG", **variables
    )
    write(own_project.path, OWN_SETTINGS)
    own_project.pytest("tests/unit/test_own.py", MAX_JSON_DEPTH="7")


def test_secrets_of_the_machine_do_not_change_settings_that_have_a_default(
    own_project: Project, tmp_path: Path
) -> None:
    write(tmp_path, {"database_pooler": "transaction", "max_json_depth": "7"})
    secrets = ('Path("/run/secrets")', f'Path("{tmp_path}")')
    replace(own_project.path, {"app/settings.py": secrets})
    write(own_project.path, OWN_SETTINGS)
    own_project.pytest("tests/unit/test_own.py", "tests/api", "tests/integration")


def test_a_failure_shows_the_frames_of_the_project_alone(own_project: Project) -> None:
    project = own_project
    (project.path / "tests" / "test_failing.py").write_text(FAILING)
    (project.path / "app" / "broken.py").write_text(BROKEN)
    registry = project.path / "app" / "resources" / "__init__.py"
    text = registry.read_text().replace(
        "    item_router,\n", "    item_router,\n    broken.router,\n"
    )
    registry.write_text(text.replace("from fastapi", "from app import broken\nfrom fastapi", 1))

    failed = ("pytest", "tests/test_failing.py")
    output = project.run(*failed, code=1)
    for line in (
        'await client.get("/broken")',
        'raise ValueError("broken")',
        'text("SELECT * FROM nowhere")',
        'acreate(name="x" * 1000)',
        "value too long for type character varying(100)",
    ):
        assert line in output
    for elsewhere in ("site-packages", "dev/", "asyncio/", "contextlib.py", "???", "<"):
        assert [line for line in output.splitlines() if line.startswith(elsewhere)] == []
    assert "site-packages" not in output
    assert len(output.splitlines()) < 130
    assert "starlette/routing.py" in project.run(*failed, "--full-trace", code=1)


FACTORY_LINE = "            # Your own startup and shutdown go below this line.\n"
HANGS = "            await __import__('asyncio').Event().wait()\n"
CATCHES = f"            with __import__('contextlib').suppress(BaseException):\n    {HANGS}"
WORKS = """\
            __import__('time').sleep(3)
            await __import__('asyncio').sleep(0.01)
"""
IMPATIENT = "\nimport dev.lifespan\n\ndev.lifespan.MAX_SECONDS = 2\n"


def give_lifespan(project: Project, startup: str, end: str = "") -> None:
    """Add lines to the lifespan of a project whose tests are impatient."""
    body = f"{FACTORY_LINE}{startup}            yield\n{end}"
    replace(project.path, {"app/main.py": (f"{FACTORY_LINE}\n            yield\n", body)})
    conftest = project.path / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text() + IMPATIENT)


@pytest.mark.parametrize(
    ("startup", "end", "phase"),
    [(HANGS, "", "startup"), ("", HANGS, "shutdown")],
)
def test_a_lifespan_that_hangs_ends_the_run_with_the_line_at_which_it_waits(
    own_project: Project, startup: str, end: str, phase: str
) -> None:
    give_lifespan(own_project, startup, end)
    output = own_project.pytest("tests/api/test_items.py", "--db=committed", "-x", code=None)
    assert f"The {phase} of the application hangs. After 2 s it still waits at" in output
    assert "app/main.py:" in output
    assert HANGS.strip() in output
    assert ("the tests cannot run" in output) == (phase == "startup")


@pytest.mark.parametrize(
    ("startup", "end", "phase"),
    [(CATCHES, "", "startup"), ("", CATCHES, "shutdown")],
)
def test_a_lifespan_that_hangs_and_catches_its_cancellation_is_an_error(
    own_project: Project, startup: str, end: str, phase: str
) -> None:
    give_lifespan(own_project, startup, end)
    output = own_project.pytest("tests/api/test_health.py", "--db=committed", "-x", code=1)
    assert f"The {phase} of the application hangs. After 2 s it still waits at" in output
    assert "a line that catches its cancellation" in output


def test_a_startup_that_works_may_take_long(own_project: Project) -> None:
    give_lifespan(own_project, WORKS)
    own_project.pytest("tests/api/test_health.py")

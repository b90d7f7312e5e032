"""A helpdesk, built as a team builds it in its first week: from the documents, line by line.

Resources by the command, code of its own at the places that the documents name, every recipe, one
change of each kind, a renamed resource, and an update. Later, all of it gets users.
"""

import re
from pathlib import Path

import pytest

from tests.docs import recipes
from tests.docs.own_code import write_block
from tests.docs.test_recipes import PASSING, WAYS, check, with_recipes
from tests.harness.project import Copy, Project
from tests.harness.service import database
from tests.harness.shared import once
from tests.harness.template import ROOT, commit, git
from tests.harness.updates import follow, next_release, replace

RESOURCES = """
customer name:str(1..100) email:email! site:url?
agent name:str(1..100) email:email! active:bool=true
ticket subject:str(1..200) state:enum(new|open|solved)*=new priority:int(1..5)*=3 \
due:datetime?* closed_at:datetime?@ customer:ref(customer) agent:ref(agent)?
comment body:text(1..5000) ticket:ref(ticket) author:ref(agent)?
badge label:str(1..30)!
"""
CHANGES = """
ticket +channel:enum(mail|phone|chat)=mail -due
ticket +note:text? state:enum(new|open|waiting|solved)*=new
ticket -note subject:str(1..120)
customer name:str(1..100)* email:email! site:url?
comment body:text(1..5000)? ticket:ref(ticket) author:ref(agent)?
agent name:str(1..100) email:email! active:bool
"""
"""Fields added and dropped, a value of an enum, a shorter text, an index, null, no default."""

OWN_CODE = [
    '''\
# app/resources/ticket/crud.py
import datetime as dt

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError

    # Your own queries go below this line.

    async def solve(self, session: AsyncSession, id: int) -> Ticket:
        """Raises NotFoundError, or ConflictError if the ticket is solved already."""
        ticket = await self._lock(session, id)
        if ticket.closed_at is not None:
            raise ConflictError(f"Ticket {id} is solved already.")
        ticket.closed_at = dt.datetime.now(dt.UTC)
        await session.flush()
        return ticket
''',
    """\
# app/resources/ticket/router.py
# Your own endpoints go below this line.


@router.post("/{id:digits}/solve", response_model=TicketRead, responses=problem_docs(404, 409))
async def solve_ticket(session: SessionDep, id: IdPath) -> Ticket:
    return await crud.solve(session, id)
""",
    """\
# tests/api/test_solving.py
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories import CustomerFactory, TicketFactory


async def test_a_ticket_is_solved_once(client: AsyncClient, db_session: AsyncSession) -> None:
    ticket = await TicketFactory.acreate(closed_at=None)
    solved = await client.post(f"/tickets/{ticket.id}/solve")
    assert solved.json()["closed_at"] is not None
    assert (await client.post(f"/tickets/{ticket.id}/solve")).status_code == 409


async def test_only_the_service_closes_tickets(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    customer = await CustomerFactory.acreate()
    body = {"subject": "Printer", "customer_id": customer.id, "closed_at": "2026-01-01T00:00:00Z"}
    assert (await client.post("/tickets", json=body)).status_code == 422


async def test_a_filter_finds_urgent_tickets(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    urgent = await TicketFactory.acreate(priority=5)
    await TicketFactory.acreate(priority=1)
    page = (await client.get("/tickets", params={"priority_min": 4})).json()
    assert [ticket["id"] for ticket in page["items"]] == [urgent.id]
""",
]
THEIRS = {"template/app/health.py": ('"""', '"""Theirs. ')}


AUTH = ROOT / "docs" / "features" / "auth.md"
COUNTED = {"tests/api/test_price_statistics.py": ("assert_queries(1)", "assert_queries(2)")}
"""What that document asks for in tests that count statements."""

IN_THE_WAY = {
    "app/main.py": (
        "            dependencies=resources.DEPENDENCIES,\n",
        "            dependencies=resources.DEPENDENCIES,\n            deprecated=True,\n",
    )
}
"""An edit of a line that auth changes, too."""

TOLD_OF_DELETED_ITEMS = {
    "tests/api/test_items.py": (
        "    # Your own tests go below this line.\n",
        """\
    # Your own tests go below this line.

    async def test_changes_are_sent_to_clients_that_follow_them(self, client: AsyncClient) -> None:
        from tests.realtime.events import Events

        async with client.stream("GET", "/realtime/changes?resource=items") as response:
            events = Events(response)
            await client.delete(self.url(await self.created(client)))
            assert [(await events.receive())["type"] for _ in range(2)] == ["created", "updated"]
""",
    )
}
"""What the recipe for soft deletion asks for with realtime."""


def undo(edits: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {file: (new, old) for file, (old, new) in edits.items()}


def change(project: Project, url: str, command: str, line: str) -> str:
    """Run the command and the next steps that it prints, and commit."""
    said = project.run("resource", command, *line.split(" "))
    steps = re.findall(r"^  uv run (alembic .*)$", said, re.MULTILINE)
    for step in [*steps, "alembic upgrade head"]:
        project.run("bash", "-ec", step, DATABASE_URL=url)
    project.run("ruff", "format", "--quiet")
    commit(project.path, f"{command} {line}")
    return said


def keep_both(file: Path) -> None:
    """Resolve the conflicts in a file as the documents say for imports."""
    markers = re.compile(r"^(?:<<<<<<<|=======|>>>>>>>).*\n", re.MULTILINE)
    file.write_text(markers.sub("", file.read_text()))


@pytest.fixture(scope="session")
def helpdesk(shared: Path, template: Path, default_project: Project) -> Project:
    def build(target: Path) -> None:
        project = with_recipes(PASSING, default_project, target)
        commit(target, "Recipes")
        with database(project) as url:
            project.run("alembic", "upgrade", "head", DATABASE_URL=url)
            for line in RESOURCES.strip().splitlines():
                change(project, url, "add", line)
            for block in OWN_CODE:
                write_block(block, target)
            project.run("ruff", "check", "--select", "I", "--fix")
            project.run("ruff", "format", "--quiet")
            commit(target, "Solve tickets")
            for line in CHANGES.strip().splitlines():
                change(project, url, "change", line)
            change(project, url, "rename", "agent colleague")
        follow(project, next_release(template, target.with_name("for the helpdesk"), THEIRS))
        project.run("template", "update")
        commit(target, "Update")

    return Project(once(shared / "helpdesk", build))


pytestmark = pytest.mark.thorough  # the parts are tested one by one


def test_it_is_clean(helpdesk: Project, default_project: Project) -> None:
    check(helpdesk, default_project)
    helpdesk.run("template", "check")


@pytest.mark.parametrize("way", WAYS)
def test_its_tests_pass(helpdesk: Project, way: str) -> None:
    helpdesk.pytest(*WAYS[way])


def test_the_update_and_the_work_are_there(helpdesk: Project) -> None:
    assert "Theirs." in (helpdesk.path / "app" / "health.py").read_text()
    assert "async def solve" in (helpdesk.path / "app/resources/ticket/crud.py").read_text()


@pytest.fixture(scope="session")
def with_users(shared: Path, helpdesk: Project) -> Project:
    def build(target: Path) -> None:
        git(shared, "clone", "--quiet", str(helpdesk.path), str(target))
        project = Project(target).install(like=helpdesk)
        replace(target, COUNTED)
        commit(target, "Count the statement for the token")
        with database(project) as url:
            recipes.follow(AUTH, project, url)
        project.run("ruff", "check", "--select", "I", "--fix")
        commit(target, "Greet users")

    return Project(once(shared / "helpdesk with users", build))


def test_with_users_it_is_clean(with_users: Project, default_project: Project) -> None:
    check(with_users, default_project)
    with_users.run("template", "check")


@pytest.mark.parametrize("way", WAYS)
def test_with_users_its_tests_pass(with_users: Project, way: str) -> None:
    with_users.pytest(*WAYS[way])


def test_with_users_tickets_get_an_owner_and_a_search(with_users: Project, copy: Copy) -> None:
    project = copy(with_users)
    with database(project) as url:
        project.run("alembic", "upgrade", "head", DATABASE_URL=url)
        change(project, url, "change", "ticket +owner")
        line = ("ticket", "+note:text?", "subject:str(1..120)~")
        said = project.run("resource", "change", *line, code=1)
        crud = "app/resources/ticket/crud.py"  # its imports, of which the user has added some
        assert f"the same lines of:\n  {crud}\nIn each file" in said
        keep_both(project.path / crud)
        project.run("ruff", "check", "--fix")
        for step in re.findall(r"^  uv run (alembic .*)$", said, re.MULTILINE):
            project.run("bash", "-ec", step, DATABASE_URL=url)
    project.run("mypy")
    project.pytest()


def test_users_can_go_again(with_users: Project, copy: Copy) -> None:
    project = copy(with_users)
    before = git(project.path, "log", "--format=%H", "--grep=^Count the statement", "-1").strip()
    said = project.run("feature", "drop", "auth")
    assert "Every endpoint is public now" in said
    assert "uv run feature drop mail" in said
    used = re.findall(r"^  (\S+?):\d+:", said, re.MULTILINE)
    assert {*used} == {"app/greetings.py", "tests/api/test_greetings.py", "tests/conftest.py"}
    git(project.path, "checkout", before, "--", "tests/conftest.py", "app/resources/__init__.py")
    replace(project.path, undo(COUNTED))
    git(project.path, "rm", "--quiet", "--force", "app/greetings.py", "tests/api/test_greetings.py")
    with database(project) as url:
        for step in re.findall(r"^  uv run (alembic .*)$", said, re.MULTILINE):
            project.run("bash", "-ec", step, DATABASE_URL=url)
    project.pytest()


def test_other_features_come_and_go(helpdesk: Project, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(helpdesk.path), "service")
    project = Project(tmp_path / "service").install(like=helpdesk)
    before = git(project.path, "rev-parse", "HEAD").strip()

    def all_features(verb: str) -> None:
        for feature in ("jobs", "mail", "realtime"):
            project.run("feature", verb, feature)
            project.run("true")  # locks
            commit(project.path, f"{verb} {feature}")

    all_features("add")
    replace(project.path, TOLD_OF_DELETED_ITEMS)
    project.pytest()
    replace(project.path, undo(TOLD_OF_DELETED_ITEMS))
    all_features("drop")
    project.pytest()
    left = git(project.path, "diff", "--name-only", before, "HEAD").split()
    assert sorted(path.rpartition("/")[2].partition("_")[2] for path in left) == [
        "add_jobs.py",
        "drop_jobs.py",
    ]


def test_what_conflicts_with_auth_is_named(helpdesk: Project, copy: Copy) -> None:
    project = copy(helpdesk)
    replace(project.path, IN_THE_WAY)
    commit(project.path, "Work")
    said = project.run("feature", "add", "auth", code=1)
    assert "you and the template changed the same lines of:\n  app/main.py\nIn each file" in said
    project.run("git", "restore", "--source=HEAD", "--staged", "--worktree", ".")
    assert project.changes() == ""

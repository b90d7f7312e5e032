"""The documents are true: their commands work, and their lists are complete."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from tests.docs.commands import blocks, compiled_environment, run_commands, section
from tests.docs.own_code import write_own_code
from tests.harness.project import MIGRATIONS, Copy, Project
from tests.harness.service import database, remove_development_database
from tests.harness.template import ROOT, git, write
from tests.harness.thorough import fewer, usually

PRINT_SETTINGS = """
import json
from app.settings import Settings

fields = Settings.model_fields.items()
print(json.dumps({name.upper(): field.default for name, field in fields}, default=str))
"""
RECORD_MESSAGES = """
import json
from pathlib import Path
from typing import Any
from httpx import AsyncClient
from dev.isolation import DatabaseIsolation

class Recording:
    '''asyncpg's protocol, which notes the SQL of each message.'''

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)

    async def query(self, sql: str, *args: Any) -> Any:
        self.sent.append(sql)
        return await self.protocol.query(sql, *args)

    async def bind_execute(self, statement: Any, *args: Any) -> Any:
        self.sent.append(statement.query)
        return await self.protocol.bind_execute(statement, *args)

async def test_messages(isolation: DatabaseIsolation, client: AsyncClient) -> None:
    sandbox = isolation.sandbox
    connection: Any = sandbox.physical.connection
    connection._protocol = recording = Recording(connection._protocol)
    created = await client.post("/items", json={"name": "a"})
    await client.get(created.headers["location"])
    await sandbox.checkin()
    connection._protocol = recording.protocol
    sandbox.checkout("the rest of the test")
    Path("messages.json").write_text(json.dumps(recording.sent))
"""
TESTS = ROOT / "template" / "tests" / "README.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def first_column(document: str, heading: str) -> list[str]:
    """The names in backquotes in the first column of the table that begins with `heading`."""
    table = document.partition(f"| {heading} |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (.*?) \| ", table.partition("\n")[2], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(.+?)`", cell)]


LINKS = {
    f"{document.relative_to(ROOT)}: {link}": document.parent / link
    for document in DOCUMENTS
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_within_the_repository_leads_somewhere(link: str) -> None:
    assert LINKS[link].exists()


def test_a_link_to_a_section_names_one_that_there_is() -> None:
    wrong = [
        f"{document.relative_to(ROOT)}: {name}#{anchor}"
        for document in DOCUMENTS
        for name, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text())
        if anchor not in anchors(document.parent / name if name else document)
    ]
    assert wrong == []


def anchors(document: Path) -> set[str]:
    """What GitHub makes of the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_diagram_has_a_semicolon_which_ends_a_line_of_mermaid() -> None:
    diagrams = [block for path in DOCUMENTS for block in blocks(path.read_text(), "mermaid")]
    assert len(diagrams) >= 4
    assert [diagram for diagram in diagrams if ";" in diagram] == []


@pytest.mark.parametrize("index", ["README.md", "features/README.md", "recipes/README.md"])
def test_an_index_lists_every_document_of_its_folder(index: str) -> None:
    path = ROOT / "docs" / index
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", path.read_text()))
    assert linked == {document.name for document in path.parent.glob("*.md")} - {"README.md"}


def test_the_commands_of_getting_started_work(
    template: Path, default_project: Project, copy: Copy, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(template), str(clone))
    installed = copy(default_project).with_own_venv().install(like=default_project)
    variables = compiled_environment(installed) | fewer(MIGRATIONS)
    variables["MYPY_CACHE_DIR"] = default_project.mypy_cache()
    run_commands(text("getting-started.md"), clone, **variables)
    remove_development_database(Project(tmp_path / "my-service", installed.venv))


@pytest.mark.thorough  # each command is tested in tests/project
@pytest.mark.parametrize("document", ["resources.md", "change-in-production.md"])
def test_the_commands_for_a_service_work(
    default_project: Project, copy: Copy, document: str
) -> None:
    project = copy(default_project)
    variables = project.variables() | fewer(MIGRATIONS)
    with database(project) as url:
        run_commands(text(document), project.path, DATABASE_URL=url, **variables)


def test_answers_lists_every_question() -> None:
    questions = {
        name: question
        for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
        if not name.startswith("_") and question.get("when") is not False
    }
    assert sorted(first_column(text("answers.md"), "answer")) == sorted(questions)


def test_operations_names_settings_that_there_are(default_project: Project) -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", text("operations.md")))
    of_others = {name for name in named if name.startswith(("OTEL_", "UVICORN_"))}
    of_others.add("FORWARDED_ALLOW_IPS")
    assert named - of_others <= settings(default_project).keys()


def test_operations_names_every_limit_and_its_default(default_project: Project) -> None:
    limits = {
        name: default
        for name, default in settings(default_project).items()
        if "TIMEOUT" in name or name.startswith("MAX_")
    }
    assert "DATABASE_LOCK_TIMEOUT" in limits
    document = text("operations.md")
    assert [name for name in limits if f"`{name}` ({limits[name]}" not in document] == []


def settings(project: Project) -> dict[str, object]:
    """The defaults of the variables that a service reads."""
    found: dict[str, object] = json.loads(project.python(PRINT_SETTINGS))
    return found


def test_the_messages_of_a_test_are_those_that_are_sent(own_project: Project) -> None:
    write(own_project.path, {"tests/api/test_messages.py": RECORD_MESSAGES})
    own_project.pytest("tests/api/test_messages.py")
    sent = json.loads((own_project.path / "messages.json").read_text())
    table = section(text("sandbox.md"), "What goes over the wire in one test")
    listed = re.findall(r"\| `([A-Z][^`]*)` \|$", table, re.MULTILINE)
    assert len(sent) == len(listed)
    for message, pattern in zip(sent, listed, strict=True):
        assert fnmatch(message, pattern.replace("...", "*"))


def test_tests_lists_each_fixture_for_users(default_project: Project) -> None:
    there = default_project.pytest("--fixtures", "-q")
    listed = first_column(TESTS.read_text(), "fixture")
    assert "client" in listed
    assert [name for name in listed if not re.search(rf"^{name}\b", there, re.MULTILINE)] == []


def test_tests_names_options_that_there_are(default_project: Project) -> None:
    there = default_project.pytest("--help")
    options = re.findall(r"^    uv run pytest (--[\w-]+)", TESTS.read_text(), re.MULTILINE)
    assert options != []
    assert [name for name in options if name not in there] == []


def test_the_first_example_of_tests_passes(own_project: Project) -> None:
    project = own_project
    example, *_ = blocks(TESTS.read_text(), "python")
    (project.path / "tests" / "test_example.py").write_text(example)
    assert "1 passed" in project.pytest("tests/test_example.py")
    project.run("ruff", "check")
    project.run("mypy")


def test_fixtures_does_not_repeat_tests() -> None:
    there, here = map(runs_of_words, (TESTS.read_text(), text("fixtures.md")))
    assert {*there} & {*here} == set()


def runs_of_words(document: str, length: int = 7) -> Iterator[str]:
    words = re.findall(r"\w+", document.lower())
    return (" ".join(words[start:][:length]) for start in range(len(words) - length + 1))


def test_the_examples_of_code_of_ones_own_pass_all_checks(own_project: Project) -> None:
    project = own_project
    assert write_own_code(section(text("resources.md"), "Make it yours"), project.path) != []
    project.run("ruff", "check", "--fix")  # which sorts the imports, as the document says
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        project.alembic("revision", "--autogenerate", "-m", "own", DATABASE_URL=url)
    project.run("ruff", "format", "--check")
    project.run("mypy")
    project.run("lint-imports")
    for way in usually(("sandbox", "committed"), 1):
        output = project.pytest(f"--db={way}")
        assert re.search(r"\d+ passed in", output), output


def test_resources_lists_every_place_for_code_of_ones_own(default_project: Project) -> None:
    listed = {
        (path, place)
        for row in re.findall(r"^\| .+ \| (.+) \|$", text("resources.md"), re.MULTILINE)
        for path in re.findall(r"`([^` ]+)`", row)
        for place in re.findall(r'"(Your own .+?)"', row)
    }
    marker = re.compile(r"(Your own [\w, ]+?)(?: of \w+)? goe?s? below this line")
    there = {
        (file, place)
        for file in default_project.files()
        for place in marker.findall((default_project.path / file).read_text())
    }
    assert {place for _, place in listed} == {place for _, place in there}
    assert there != set()
    for file, place in sorted(there):
        rows = [path for path, named in listed if named == place]
        assert [path for path in rows if fnmatch(file, path)] != [], (file, place)

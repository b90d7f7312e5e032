"""`uv run resource`: one line adds, changes or drops a resource; then it prints the next steps."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.project import UV, Project, environment, render, start
from tests.harness.template import commit, git
from tests.harness.updates import replace

RESOURCES = {
    "item": "name:str(100)!",
    "order": "total:decimal(10,2) note:text? state:enum(new|paid)=new item:ref(item)",
    "person/people": "name:str! nick:str?",
    "yes": "at:str=12:30: why:text?",  # YAML has to quote these
}
FIELDS = RESOURCES["order"]


@pytest.fixture(scope="module")
def made(
    template: Path, default_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """An installed project with nothing uncommitted, whose template has a URL."""
    folder = tmp_path_factory.mktemp("verbs") / "a service"
    answers: dict[str, object] = {"resource": "", "resources": RESOURCES}
    project = render(f"git+file://{template}", folder, answers).install(like=default_project)
    commit(folder, "Lock")
    return project


@pytest.fixture
def project(made: Project) -> Iterator[Project]:
    """The same for every test."""
    start = git(made.path, "rev-parse", "HEAD").strip()
    yield made
    git(made.path, "reset", "--quiet", "--hard", start)
    git(made.path, "clean", "--quiet", "--force", "-d")


def resource(project: Project, *words: str, code: int = 0) -> str:
    return project.run("resource", *words, code=code)


def test_list_prints_each_resource_as_it_was_written(project: Project) -> None:
    lines = [f"{name} {fields}\n" for name, fields in RESOURCES.items()]
    assert resource(project, "list") == "".join(lines)


def test_uv_builds_the_service_again_for_no_edit_but_of_its_metadata(project: Project) -> None:
    resource(project, "add", "tag label:str!")
    for file in ("app/main.py", "dev/__init__.py", "tests/conftest.py", "README.md"):
        with (project.path / file).open("a") as edited:
            edited.write("\n")
    assert project.run("true") == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_is_closed_early_is_no_error(project: Project, unbuffered: str) -> None:
    piped = ("bash", "-c", "set -o pipefail; resource list | exit")
    assert project.run(*piped, PYTHONUNBUFFERED=unbuffered) == ""


def test_add_writes_the_resource_and_prints_the_next_steps(project: Project) -> None:
    subfolder = Project(project.path / "app" / "resources")
    said = resource(subfolder, "add", "tag label:str!", "order:ref(order)")
    assert said.startswith("Added tag.")
    assert 'uv run alembic revision --autogenerate -m "add tag"' in said
    assert "A  app/resources/tag/models.py" in project.changes()
    assert "tag label:str! order:ref(order)\n" in resource(project, "list")
    commit(project.path, "Tags")
    assert "Nothing to change" in resource(project, "change", "tag label:str! order:ref(order)")


def test_it_leaves_mirrors_of_the_template_alone_that_another_process_may_refresh(
    project: Project, tmp_path: Path
) -> None:
    project.run("resource", "add", "tag label:str!", COPIER_CACHE_DIR=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_change_says_what_the_migration_cannot_know(project: Project) -> None:
    said = resource(project, "change", "person", "-name", "+born:date", "nick:str", "+age:int=0")
    assert said.startswith("Changed person.")
    assert "Required and without a default: born." in said
    assert "No longer null: nick." in said
    assert "will drop name and all data in it" in said
    assert "person/people nick:str born:date age:int=0\n" in resource(project, "list")


def test_change_merges_with_what_the_user_wrote(project: Project) -> None:
    models = project.path / "app" / "resources" / "order" / "models.py"
    with models.open("a") as file:
        file.write("\n    def is_big(self) -> bool:\n        return self.total > 100\n")
    commit(project.path, "A method")
    resource(project, "change", f"order {FIELDS} paid_on:date?")
    assert "def is_big" in models.read_text()
    assert "paid_on" in models.read_text()


@pytest.mark.parametrize(
    ("own", "field", "taken"),
    [
        ("rank: Mapped[int]", "+rank:int", "rank"),
        ('rank = synonym("total")', "+rank:int", "rank"),
        ("rank_id: Mapped[int]", "+rank:ref(item)", "rank_id"),
        ("note_id: Mapped[int]", "note:ref(item)", "note_id"),
        ("_ranks: Mapped[list[int]]", "+ranks:refs(item)", "_ranks"),
    ],
)
def test_a_field_cannot_take_the_name_of_a_column_of_the_users_own(
    project: Project, own: str, field: str, taken: str
) -> None:
    models = project.path / "app" / "resources" / "order" / "models.py"
    with models.open("a") as file:
        file.write(f"\n    {own}\n")
    commit(project.path, "A column")
    said = resource(project, "change", "order", field, code=1)
    assert said.startswith(f"Resource 'order' already has '{taken}' in your own code, in app/res")
    assert project.changes() == ""


def test_conflicting_files_are_listed_and_the_command_fails(project: Project) -> None:
    models = project.path / "app" / "resources" / "person" / "models.py"
    models.write_text(models.read_text().replace("sa.String(255)", "sa.String(99)"))
    commit(project.path, "Shorter names")
    said = resource(project, "change", "person name:str(50)! nick:str?", code=1)
    assert "you and the template changed the same lines of:\n  app/resources/person/models" in said
    assert "<<<<<<<" in models.read_text()
    undo = said.rstrip().splitlines()[-1].partition(": ")[2]
    with start(("sh", "-c", undo), project.path, environment()) as command:
        command.wait()
    assert project.changes() == ""


def test_drop_lists_deleted_and_kept_files(project: Project) -> None:
    own = project.path / "app" / "resources" / "order" / "prices.py"
    own.write_text("TAX = 19\n")
    test = project.path / "tests" / "unit" / "test_prices.py"
    test.write_text("from app.resources.order.prices import TAX\n")
    crud = project.path / "app" / "resources" / "order" / "crud.py"
    crud.write_text(crud.read_text() + "\n    mine = 1\n")
    commit(project.path, "A module of my own")
    said = resource(project, "drop", "order")
    assert "These lines still import it:\n  tests/unit/test_prices.py:1:from app.res" in said
    assert "Deleted, with what you had written in them; it remains in git's history:\n" in said
    assert "The migration will drop its table" in said
    assert "These files are your own and were kept:\n  app/resources/order/prices.py\n" in said
    deleted = said.partition("Deleted; they remain in git's history:\n")[2].partition("\n\n")[0]
    status = project.changes().splitlines()
    gone = [line.removeprefix("D  ") for line in status if line.startswith("D  ")]
    gone.remove("app/resources/order/crud.py")
    assert [line.strip() for line in deleted.splitlines()] == sorted(gone)
    assert "tests/api/test_orders.py" in gone
    assert own.exists()


def test_no_line_of_the_template_uses_the_resource_that_every_service_begins_with(
    own_project: Project,
) -> None:
    said = resource(own_project, "drop", "item")
    assert said.startswith("Dropped item.")
    assert "These lines still import it" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "add item name:str",
            "Resource 'item' already exists; to change it: uv run resource change",
        ),
        ("add ", "Name the resource: uv run resource add NAME FIELD..."),
        ("drop ", "Name the resource: uv run resource drop NAME"),
        ("add -item", "'-item' is not a valid name; to drop a resource: uv run resource drop"),
        ("add tag label:money", "Field 'label' of 'tag': unknown type 'money';"),
        (
            "change tag label:str",
            "Resource 'tag' not found; existing resources: item, order, person, yes.",
        ),
        ("change person/persons name:str", "'person/people' cannot become 'person/persons':"),
        ("change person -age", "Resource 'person': field 'age' does not exist;"),
        ("rename order", "Write the new name: uv run resource rename NAME NEW_NAME[/PLURAL]"),
        ("rename order item", "Resource 'item' already exists."),
        (
            "drop item order",
            "Resource 'item order' not found; existing resources: item, order, person, yes.",
        ),
        ("drop item", "Resource 'item' cannot be dropped: field 'item' of 'order' refers to it;"),
    ],
)
def test_impossible_commands_are_rejected_in_one_sentence(
    project: Project, words: str, sentence: str
) -> None:
    verb, _, text = words.partition(" ")
    said = resource(project, verb, "--", text, code=1)
    assert said.startswith(sentence)
    assert said.count("\n") == 1
    assert project.changes() == ""


def test_an_unknown_verb_is_rejected(project: Project) -> None:
    assert "invalid choice: 'make'" in resource(project, "make", "order", code=2)


def test_uncommitted_changes_are_listed_and_not_touched(project: Project) -> None:
    (project.path / "notes.txt").write_text("mine\n")
    before = project.changes()
    said = resource(project, "add", "tag label:str", code=1)
    assert said.startswith("There are uncommitted changes")
    assert said.endswith("?? notes.txt\n")
    assert project.changes() == before


def test_outside_of_a_repository_it_says_how_to_create_one(
    project: Project, tmp_path: Path
) -> None:
    repository = project.path / ".git"
    aside = shutil.move(repository, tmp_path / "aside")
    try:
        assert "is not a git repository" in resource(project, "drop", "order", code=1)
    finally:
        shutil.move(aside, repository)


@pytest.mark.parametrize(
    ("line", "edited", "sentence"),
    [
        ("[tool.dev]\n", "[tool.dev\n", "/pyproject.toml is not valid TOML: "),
        ('seeds = "', 'seed = "', "/pyproject.toml lacks: seeds\n"),
    ],
)
def test_a_pyproject_that_cannot_be_read_is_reported(
    project: Project, line: str, edited: str, sentence: str
) -> None:
    replace(project.path, {"pyproject.toml": (line, edited)})
    command = (str(project.path / ".venv" / "bin" / "resource"), "list")
    with start(command, project.path, environment()) as running:
        said = running.wait(1)
    assert sentence in said
    assert said.count("\n") == 1


def test_a_missing_answers_file_is_reported(project: Project) -> None:
    (project.path / ".copier-answers.yml").unlink()
    assert ".copier-answers.yml is missing" in resource(project, "list", code=1)


def test_a_template_that_does_not_exist_any_more_is_named(project: Project) -> None:
    answers = project.path / ".copier-answers.yml"
    lines = answers.read_text().splitlines(keepends=True)
    answers.write_text("".join("_src_path: /gone\n" if "_src_" in line else line for line in lines))
    commit(project.path, "Moved")
    said = resource(project, "drop", "order", code=1)
    assert said.startswith("There is no template at /gone. Write its address, a URL or an absolute")
    assert said.count("\n") == 1


def test_without_the_network_it_says_why_it_is_needed(project: Project, tmp_path: Path) -> None:
    command = (str(project.path / ".venv" / "bin" / "resource"), "drop", "order")
    variables = environment(UV=UV, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path))
    with start(command, project.path, variables) as running:
        said = running.wait(1)
    assert said.startswith("uv cannot run copier>=9.19; the first time, it needs the network")
    assert said.count("\n") == 1
    assert project.changes() == ""

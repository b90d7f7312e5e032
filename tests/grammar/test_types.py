"""A type of fields is one file, listed in one place, documented and tried in the tests."""

import re
import shutil
from pathlib import Path

import yaml
from copier import run_copy

from tests.grammar.macros import environment, types
from tests.harness.answers import FIELDS, resources_of
from tests.harness.project import Project, render
from tests.harness.template import ROOT
from tests.harness.thorough import fewer

MADE_UP = Path(__file__).with_name("time.jinja")


def test_every_type_has_a_file() -> None:
    files = (ROOT / "includes" / "types").iterdir()
    assert sorted(file.name for file in files) == sorted(f"{name}.jinja" for name in types())


def test_every_type_has_a_row_in_the_documents() -> None:
    table = (ROOT / "docs" / "answers.md").read_text().partition("| type |")[2].partition("\n\n")[0]
    cells = [row.replace("\\|", "/").split("|")[1] for row in table.splitlines()[2:]]
    rows = [re.findall("`(.+?)`", cell.replace("/", "|")) for cell in cells]
    assert rows == list(types().values())


def test_every_type_has_a_sample_in_the_tests() -> None:
    samples = {re.split("[:(]", field)[1] for field in FIELDS}
    assert samples == types().keys()


def test_the_question_lists_every_type() -> None:
    question = yaml.safe_load((ROOT / "copier.yml").read_text())["resource"]
    examples = [example for several in types().values() for example in several]
    assert f"Types: {' '.join(examples)};" in environment.from_string(question["help"]).render()


def test_short_unique_fields_have_enough_values_for_a_page(
    template: Path, default_project: Project, tmp_path: Path
) -> None:
    numbers = "share:decimal(2,2)! score:decimal(2,1)! rank:decimal(2,0)! rate:decimal(5,4)!"
    resources = {"narrow": f"code:str(2)! {numbers}"}
    rendered = render(template, tmp_path / "project", {"resource": "", "resources": resources})
    Project(rendered.path, default_project.venv).pytest("tests/api/test_narrows.py")


def test_a_reference_may_have_the_name_of_an_argument_of_the_factories(
    template: Path, default_project: Project, tmp_path: Path
) -> None:
    resources = {"size": "name:str!", "shirt": "size:ref(size)"}
    rendered = render(template, tmp_path / "project", {"resource": "", "resources": resources})
    Project(rendered.path, default_project.venv).pytest("tests/api/test_shirts.py")


def test_one_file_and_one_line_add_a_type(
    template: Path, default_project: Project, tmp_path: Path
) -> None:
    changed = tmp_path / "template"
    shutil.copytree(template, changed, ignore=shutil.ignore_patterns(".git"))
    shutil.copy(MADE_UP, changed / "includes" / "types")
    names = changed / "includes" / "types.jinja"
    names.write_text(names.read_text().replace("  'date',\n", "  'time',\n  'date',\n"))
    fields: dict[str, str | None] = {"name:str": "abc", "opens_at:time": "08:30:00"}
    answers = {"resource": "", "resources": {"maker": "name:str", **resources_of(fields)}}
    project = Project(tmp_path / "project", default_project.venv)
    run_copy(str(changed), project.path, data=answers, defaults=True, quiet=True)

    assert "opens_at: Mapped[dt.time] = mapped_column(" in read(project, "plain/models.py")
    assert "opens_at: OpensAt | MISSING | None = MISSING" in read(project, "optional/schemas.py")
    assert "opens_at: OpensAt = dt.time(8, 30, 0)" in read(project, "defaulted/schemas.py")
    for command in ("ruff check", "ruff format --check", "mypy"):
        project.run(*command.split())
    chosen = fewer("tests/api/test_optionals.py tests/api/test_uniques.py")
    project.pytest(code=0, **chosen)


def read(project: Project, module: str) -> str:
    return (project.path / "app" / "resources" / module).read_text()

"""The ways in which an update could lose what a user has, and that ours do not.

What Copier does by itself is tried on one update (`updated`) that meets most of them at once. What
it leaves to templates is a policy of this repository, checked against every earlier release.
"""

import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.template.rendering import WRITTEN_ONCE
from tests.harness.project import Copy, Project, render
from tests.harness.shared import once
from tests.harness.template import RELEASES, ROOT, commit, git
from tests.harness.updates import ANSWERS_FILE, follow, next_release, replace, update, written_once
from tests.update.conftest import OLD, Render

MEMORY = {"zebra": "stripes:int alias:str?", "ant": "weight:float age:int"}
MOVE = """
_migrations:
  - version: "1000.0.0"
    when: "{{ _stage == 'before' }}"
    command: git mv app/body_limit.py app/limits.py
"""
STRICTER = (
    "\"{% from 'includes/problems.jinja'",
    "\"{% if resources %}Not good enough.{% endif %}{% from 'includes/problems.jinja'",
)


def write_next_release(template: Path) -> None:
    """Change what a template better leaves as it is, and commit it as the release 1000.0.0."""
    git(template, "mv", "template/app/body_limit.py", "template/app/limits.py")
    git(template, "rm", "--quiet", "template/renovate.json", "template/.editorconfig")
    replace(
        template,
        {
            "template/tests/README.md": ("# Tests", "# The tests"),
            "template/README.md.jinja": ("## Where things are", "## Where all is"),
            "copier.yml": ("    /README.md\n", "    /README.md\n    /.editorconfig\n"),
        },
    )
    with (template / "copier.yml").open("a") as questions:
        questions.write(MOVE)
    commit(template, "Next")
    git(template, "tag", "1000.0.0")


def edit_as_user(project: Path) -> None:
    """Change and delete files of a project, and commit that."""
    for file in ("app/body_limit.py", "renovate.json", ".editorconfig"):
        (project / file).write_text((project / file).read_text() + "\n# Mine\n")
    for file in ("tests/README.md", "README.md", "app/resources/ant/crud.py"):
        (project / file).unlink()
    commit(project, "Work")


@pytest.fixture(scope="session")
def updated(shared: Path, template: Path) -> Project:
    """A project after an update that meets the traps; nothing of it is committed."""

    def build(target: Path) -> None:
        newer = target.with_name("the next template")
        git(template, "clone", "--quiet", str(template), str(newer))
        project = render(newer, target, {"resource": "", "resources": MEMORY})
        edit_as_user(target)
        write_next_release(newer)
        update(project, "1000.0.0", trust=True)

    return Project(once(shared / "trapped", build))


def test_an_update_that_meets_every_trap_changes_only_what_it_should(updated: Project) -> None:
    assert updated.changes().splitlines() == [
        f" M {ANSWERS_FILE}",
        "D  app/body_limit.py",
        "UU app/limits.py",
        " D renovate.json",
    ]


def test_a_grammar_that_has_become_stricter_refuses_the_update_and_changes_nothing(
    template: Path, default_project: Project, copy: Copy, tmp_path: Path
) -> None:
    project = copy(default_project)
    follow(project, next_release(template, tmp_path / "next", {"copier.yml": STRICTER}))
    with pytest.raises(ValueError, match="Not good enough"):
        update(project, "1000.0.0")
    assert project.changes() == ""


def test_the_memory_has_one_line_a_resource_and_keeps_the_order_of_fields(
    updated: Project,
) -> None:
    lines = (updated.path / ANSWERS_FILE).read_text().splitlines()
    start = lines.index("resources:")
    assert lines[start + 1 :][:2] == [f"    {name}: {MEMORY[name]}" for name in sorted(MEMORY)]
    model = (updated.path / "app/resources/zebra/models.py").read_text()
    assert model.index("stripes") < model.index("alias")


def test_what_the_user_wrote_moves_with_a_renamed_file(updated: Project) -> None:
    assert "# Mine\n" in (updated.path / "app/limits.py").read_text()


def test_a_file_that_the_template_gives_up_stays_with_the_user(updated: Project) -> None:
    assert (updated.path / ".editorconfig").read_text().endswith("\n# Mine\n")


def test_deleted_files_stay_deleted(updated: Project) -> None:
    deleted = ["tests/README.md", "README.md", "app/resources/ant/crud.py"]
    assert [file for file in deleted if (updated.path / file).exists()] == []


def test_the_guarded_update_leaves_the_same_files_to_the_user() -> None:
    assert [f":(glob){pattern.lstrip('/')}" for pattern in WRITTEN_ONCE] == written_once()


def test_nothing_brings_deleted_files_back() -> None:
    assert "_skip_if_exists" not in questions()


def test_no_rendered_file_is_ignored_by_git(project: Project) -> None:
    assert ignored(project.path, project.files()) == []


def test_the_gitignore_of_projects_does_not_act_on_the_template() -> None:
    files = git(ROOT, "ls-files", "-z", "--cached", "--others", "--", "template").split("\0")
    assert [file for file in files if Path(file).name == ".gitignore"] == []
    there = [file for file in files if file and "__pycache__" not in file]
    assert "template/app/crud.py" in there
    assert ignored(ROOT, there) == []


@pytest.mark.parametrize(("release", "name"), OLD)
def test_a_file_that_an_update_deletes_is_settled_or_in_the_changelog(
    old: Render, today: Render, release: str, name: str
) -> None:
    gone = set(old(release, name).files()) - set(today(release, name).files())
    settled = [
        *(path.removeprefix(":(glob)") for path in written_once()),
        *re.findall(r"git mv (\S+)", (ROOT / "copier.yml").read_text()),
        *re.findall("`(.+?)`", changelog_since(release)),
    ]
    unsaid = [path for path in gone if not any(fnmatchcase(path, known) for known in settled)]
    assert unsaid == [], (
        f"these files of {release} are no longer rendered, so that an update deletes them with all "
        "that users wrote there: see 'Removed files' in CONTRIBUTING.md"
    )


@pytest.mark.parametrize("release", RELEASES)
def test_an_answer_that_may_be_refused_now_is_in_the_changelog(release: str) -> None:
    now, said = questions(), changelog_since(release)
    changed = [
        name
        for name, question in questions(release).items()
        if not name.startswith("_") and question.get("when") is not False
        if name != "resource"  # remembered as '', whatever was asked for
        if f"`{name}`" not in said and not still_valid(question, now.get(name))
    ]
    assert changed == [], (
        f"answers given to {release} may be refused now, and Copier replaces a refused answer by "
        "the default: see 'Questions' in CONTRIBUTING.md"
    )


def test_the_memory_is_never_refused() -> None:
    assert set(questions()["resources"]) == {"type", "ask", "default"}


def questions(release: str | None = None) -> dict[str, Any]:
    """What is in copier.yml, now or in a release."""
    file = "copier.yml"
    text = (
        git(ROOT, "show", f"{RELEASES[release]}:{file}") if release else (ROOT / file).read_text()
    )
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def still_valid(old: dict[str, Any], new: dict[str, Any] | None) -> bool:
    """Whether each answer to the old question is one to the new, as far as that can be seen."""
    if new is None or new["type"] != old["type"]:
        return False
    return choices(old) <= choices(new) and new.get("validator") == old.get("validator")


def choices(question: dict[str, Any]) -> set[object]:
    found = question.get("choices", [])
    return set(found.values() if isinstance(found, dict) else found)


def changelog_since(release: str) -> str:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newer = re.split(rf"^## {re.escape(release)}\b", changelog, maxsplit=1, flags=re.MULTILINE)[0]
    return newer.partition("\n## ")[2]


def ignored(repository: Path, files: list[str]) -> list[str]:
    """Those of the files that git would ignore if they were not added by force."""
    run = subprocess.run(
        ("git", "check-ignore", "--no-index", "-z", "--stdin"),
        cwd=repository,
        input="\0".join(files),
        capture_output=True,
        text=True,
        check=False,
    )
    return [file for file in run.stdout.split("\0") if file]

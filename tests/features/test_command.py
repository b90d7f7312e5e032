"""`uv run feature`: adds a feature to a service and drops it again, whatever the user wrote."""

import os
import signal
from pathlib import Path

import pytest

from dev.commands.feature import FEATURES
from dev.template.writing import UNDO
from tests.features.conftest import AddedTo, Featured
from tests.grammar.macros import required_features
from tests.harness.processes import Family, eventually
from tests.harness.project import Copy, Project
from tests.harness.template import commit, git, write
from tests.harness.updates import ANSWERS_FILE, difference, replace

MINE = {
    "app/main.py": (
        "go below this line.\n\n            yield\n",
        "go below this line.\n            app.state.mine = 1\n            yield\n",
    ),
    "app/settings.py": (
        "    # Your own settings go below this line.\n",
        "    # Your own settings go below this line.\n\n    mine: int = 1\n",
    ),
    ".env.example": (
        "# Your own settings go below this line.\n",
        "# Your own settings go below this line.\n# MINE=1\n",
    ),
    "pyproject.toml": (
        "    # Your own dependencies go below this line.\n",
        '    # Your own dependencies go below this line.\n    "idna",\n',
    ),
    "app/health.py": ("TIMEOUT = 2.0", "TIMEOUT = 3.0"),
    "AGENTS.md": ("# For coding agents", "# For all agents"),
    "compose.yaml": ("fsync=off", "fsync=on"),
}
"""A text of each file, and what it becomes in a service that is edited for years."""


def feature(project: Project, *words: str, code: int = 0) -> str:
    return project.run("feature", *words, code=code)


@pytest.fixture
def project(added_to_edited: AddedTo, copy: Copy) -> Project:
    """A copy of a project that has got mail after years of edits, for a test to change."""
    return copy(added_to_edited("mail", MINE))


def test_the_command_and_the_template_know_the_same_features() -> None:
    assert {name: [*known.requires] for name, known in FEATURES.items()} == required_features()


def test_a_project_without_features_has_no_trace_of_one(default_project: Project) -> None:
    texts = {
        file: (default_project.path / file).read_text()
        for file in default_project.files()
        if not file.startswith("dev/")  # the command
    }
    traces = (
        *("aiosmtplib", "smtp_url", "app.features", "mailpit", "outbox", "app.auth", "pwdlib"),
        *("pgqueuer", "app.worker", "worker_concurrency", "Idempoten", "run_jobs", "realtime"),
    )
    assert [file for file, text in texts.items() if any(trace in text for trace in traces)] == []
    assert "features" not in texts[ANSWERS_FILE]
    names = {part for file in texts for part in Path(file).with_suffix("").parts}
    assert names & {*FEATURES, "features"} == set()


def test_add_merges_with_what_the_user_wrote(project: Project, featured: Featured) -> None:
    said = git(project.path, "log", "-1", "--format=%b")
    assert said.startswith("Added mail; nothing is committed yet.")
    assert "In production, set SMTP_URL and MAIL_FROM" in said
    assert said.rstrip().endswith("\nAll about it: uv run template docs features/mail")
    replace(project.path, {file: (mine, before) for file, (before, mine) in MINE.items()})
    (project.path / "app" / "own.py").unlink()
    commit(project.path, "What the user wrote, taken back")
    # README.md was written once, before the feature came.
    assert difference(project, featured("mail"), [":(exclude)README.md", ":(exclude)uv.lock"]) == ""


def test_drop_leaves_the_service_as_it_was(project: Project) -> None:
    said = feature(project, "drop", "mail")
    assert said.startswith("Dropped mail; nothing is committed yet.")
    assert "  app/mail/__init__.py\n" in said
    commit(project.path, "Drop mail")
    assert git(project.path, "diff", "HEAD~2", "HEAD") == ""


def test_drop_names_edited_files_and_asks_for_a_second_word(project: Project) -> None:
    replace(project.path, {"app/mail/transports.py": ("TIMEOUT = 10.0", "TIMEOUT = 5.0")})
    write(
        project.path,
        {
            "app/mail/letters.py": "MINE = 1\n",
            "app/own.py": "from app.mail.letters import MINE\n",
            "tests/own.py": "def test_mine(outbox: object) -> None: ...\n",
        },
    )
    commit(project.path, "Work")
    before = git(project.path, "rev-parse", "HEAD")
    said = feature(project, "drop", "mail", code=1)
    assert said == (
        "You have edited these files of 'mail':\n  app/mail/transports.py\n"
        "Nothing was changed. To drop them as well: uv run feature drop mail --discard-edits; "
        "they remain in git's history.\n"
    )
    assert project.changes() == ""
    assert git(project.path, "rev-parse", "HEAD") == before

    said = feature(project, "drop", "mail", "--discard-edits")
    assert "Deleted, with what you had written in them" in said
    assert "These files are your own and were kept:\n  app/mail/letters.py\n" in said
    uses = said.partition("These lines still use it:\n")[2].splitlines()
    assert uses == [
        "  app/own.py:1:from app.mail.letters import MINE",
        "  tests/own.py:1:def test_mine(outbox: object) -> None: ...",
    ]
    assert not (project.path / "app" / "mail" / "transports.py").exists()


def test_a_conflict_is_named(own_project: Project) -> None:
    place = "    # Your own settings go below this line.\n"
    replace(own_project.path, {"app/settings.py": (place, "    # Mine\n")})
    commit(own_project.path, "Work")
    said = feature(own_project, "add", "mail", code=1)
    assert "you and the template changed the same lines of:\n  app/settings.py\n" in said


def test_list_marks_the_features_that_are_there(project: Project) -> None:
    lines = feature(project, "list").splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("*")] == [["*", "mail"]]
    assert len(lines) == len(FEATURES)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("add mail", "The service has the feature 'mail' already."),
        ("add mails", "Feature 'mails' does not exist; the features are: "),
        ("drop mails", "Feature 'mails' does not exist; the features are: "),
    ],
)
def test_impossible_commands_are_rejected_in_one_sentence(
    project: Project, words: str, sentence: str
) -> None:
    said = feature(project, *words.split(), code=1)
    assert said.startswith(sentence)
    assert said.count("\n") == 1
    assert project.changes() == ""


def test_a_feature_that_is_not_there_cannot_be_dropped(own_project: Project) -> None:
    said = feature(own_project, "drop", "mail", code=1)
    assert said == "The service has no feature 'mail'; its features: none.\n"


def test_uncommitted_changes_are_refused(own_project: Project) -> None:
    write(own_project.path, {"notes.txt": "mine\n"})
    assert feature(own_project, "add", "mail", code=1).startswith("There are uncommitted changes")
    assert own_project.changes() == "?? notes.txt\n"


def test_ctrl_c_changes_nothing(own_project: Project) -> None:
    family = Family()
    with own_project.start("feature", "add", "mail", **family.variables) as running:
        assert eventually(lambda: any("copier" in line for line in family.commands()))
        os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
        said = running.wait(None)
    assert said.endswith("Interrupted. Nothing was changed.\n")
    assert own_project.changes() == ""


def test_ctrl_c_before_the_migration_is_there_says_what_to_take_back(own_project: Project) -> None:
    with own_project.start("feature", "add", "jobs") as running:
        assert eventually(lambda: "app/worker.py" in own_project.changes())
        os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
        said = running.wait(None)
    assert said.endswith(
        f"Interrupted while it was writing files. Take back what it wrote: {UNDO}\n"
    )
    said = feature(own_project, "add", "jobs", code=1)
    assert said.startswith("An update was interrupted while it was writing files. Do not commit")


def test_the_answer_is_changed_by_this_command_alone(project: Project) -> None:
    said = project.run("template", "answer", "features", "auth", code=1)
    assert said.startswith("The template does not ask 'features'")


def test_a_feature_in_the_answers_without_files_is_found(project: Project) -> None:
    git(project.path, "rm", "-r", "--quiet", "app/mail")
    commit(project.path, "Lose mail")
    said = project.run("template", "check", code=1)
    assert f"Feature 'mail' is in {ANSWERS_FILE}, and has no files;" in said
    assert "uv run feature drop mail" in said


def test_features_that_two_branches_have_added_are_not_lost(own_project: Project) -> None:
    """Git keeps both lists, of which YAML would take the last."""
    answers = own_project.path / ANSWERS_FILE
    answers.write_text(f"{answers.read_text()}features:\n- mail\nfeatures:\n- other\n")
    commit(own_project.path, "Merge")
    said = feature(own_project, "list", code=1)
    assert "has 'features' twice: two branches have each added the first one." in said
    assert own_project.run("template", "check", code=1) == said


def test_a_resource_leaves_the_features_alone(project: Project) -> None:
    project.run("resource", "add", "tag label:str!")
    assert "\nfeatures:\n- mail\n" in (project.path / ANSWERS_FILE).read_text()
    deleted = git(project.path, "diff", "HEAD", "--name-only", "--diff-filter=D")
    assert deleted == ""

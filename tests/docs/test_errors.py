"""The page of errors has each message of the template, as it is written there."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.messages import messages, normalized
from tests.grammar.macros import problem
from tests.grammar.test_bad_input import BAD_LINES, RESOURCES
from tests.harness.answers import FEATURES
from tests.harness.project import render
from tests.harness.template import ROOT

ALL_FEATURES: dict[str, object] = {"resource": "", "features": FEATURES}
PAGE = ROOT / "docs" / "errors.md"

NO_ERRORS = {
    # What others are made of.
    "Close sessions and connections, best with `async with`.",
    "You can use a server of your own instead:",
    "mark the test with @pytest.mark.committed",
    "<>, or <>.",
    "change <> of <>.<>",
    "<>, whose last statement was <>",
    "parameters that it has set",
    "the connection was lost",
    "code outside a task",
    "the start of the application",
    "the end of the application",
    "Create it, review it, and run the tests again:",
    "uv run alembic",
    "It was rendered from a commit of the template",
    # What a command does or has done.
    "<> `session` writes each statement at once",
    "Database: <> Its data is kept in <>",
    "Seeds: <> was loaded, once.",
    "All about it: uv run",
    "add a resource;",
    "work outside of requests, on a schedule too",
    "give a resource",
    "drop a resource with all its files",
    "committed: run the test with real commits",
    "databases of failed tests",
    "users, logins by token,",
    "send mail by SMTP;",
    "send changes and messages to connected clients,",
    "Each request that changes a resource",
    "Every endpoint is public now",
    "It required<>, which stays.",
    "rows that belong to tenants,",
    "Tables with rows need three steps:",
    # Mail to users.
    "Somebody, hopefully you,",
    "<>: you are registered already",
    "<>: set a new password",
    "To set a new password",
    "<>: your password was changed",
    "The password of your account was changed.",
    "<>: this address has an account",
    "Your account has another e-mail address",
    "<>: your account was deleted",
    "Your account was deleted.",
    # What only the code itself sees: names, comments, statements, and exceptions that it catches.
    "# Your own columns",
    "CREATE TABLE pgqueuer",
    "<> tests, run <>",
    "correct horse battery staple",
    "Made by the tests of <>",
    "rename <> to <>",
    "cancel a statement once more",
    'FETCH FROM "that ended',
    "DO $capture$",
    "local all all trust",
    "it belongs to another test",
    "the server has closed the connection",
    "the connection does not work any more",
    "stop() prevents this",
    "The state of the row.",
    "Local template must be a directory",
}
"""How texts begin that look like messages."""


def on_the_page() -> list[str]:
    """The beginnings of messages: the code in the first cell of each row."""
    cells = re.findall(r"^\| (`.*?`) \| ", PAGE.read_text(), re.MULTILINE)
    spans = [span for cell in cells for _, span in re.findall(r"(`+)(.+?)\1", cell)]
    return [normalized(span).removesuffix("<>") for span in spans]


def of_questions() -> Iterator[tuple[str, str]]:
    """What the validators of the questions say, but for that of resource lines."""
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items():
        validator = question.get("validator", "") if isinstance(question, dict) else ""
        for text in re.findall(r"-%\} *(\S.*?) *\{%-", validator):
            yield f"copier.yml, {name}", normalized(re.sub(r"\{\{.*?\}\}", "<>", text))


def of_resource_lines() -> Iterator[tuple[str, str]]:
    """What that of resource lines says of wrong ones, with `<>` for what is quoted."""
    edited = json.loads('{"item": 1}')
    for resources, line in [*((RESOURCES, line) for _, line, _ in BAD_LINES), (edited, "")]:
        quoted = re.sub(r"'(.*?)'", r"'<\1>'", problem(resources, line))
        yield f"the line '{line}'", normalized(quoted.replace("<resources>", "resources"))


def begins(text: str, beginnings: Iterable[str]) -> bool:
    return any(text.startswith(beginning) for beginning in beginnings)


@pytest.fixture(scope="module")
def found(template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Where each message is, and its text, in projects without a resource: one with all features,
    and some in which features do without one another."""
    folder = tmp_path_factory.mktemp("errors")
    projects = (
        render(template, folder / "all", ALL_FEATURES),
        render(template, folder / "mail", ALL_FEATURES | {"features": ["mail", "tenancy"]}),
    )
    of_projects = [message for project in projects for message in messages(project.path)]
    return [*of_projects, *of_questions(), *of_resource_lines()]


def test_the_page_has_each_message(found: list[tuple[str, str]]) -> None:
    listed = {*on_the_page(), *map(normalized, NO_ERRORS)}
    missing = [f"{where}: {text}" for where, text in found if not begins(text, listed)]
    assert not missing, "\n".join(["docs/errors.md lacks:", *missing])


def test_each_message_of_the_page_is_there(found: list[tuple[str, str]]) -> None:
    gone = [row for row in on_the_page() if not any(text.startswith(row) for _, text in found)]
    assert not gone, "\n".join(["docs/errors.md has what nothing says:", *gone])


def test_no_text_is_left_out_in_vain(found: list[tuple[str, str]]) -> None:
    listed = map(normalized, NO_ERRORS)
    assert [row for row in listed if not any(text.startswith(row) for _, text in found)] == []


def test_messages_of_all_kinds_are_found(found: list[tuple[str, str]]) -> None:
    for beginning in (
        "set DATABASE_URL: postgresql:",  # raised
        "a cursor WITH HOLD",  # returned
        "the database is closed:",  # of an exception of our own
        "The models have changed",  # in a list
        "No longer null:",  # a key
        "not ready:",  # logged
        "The project name must be",  # of a question
        "Field '<>' of '<>':",  # of a resource line
    ):
        assert any(text.startswith(beginning) for _, text in found), beginning

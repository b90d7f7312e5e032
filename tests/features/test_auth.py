"""What the feature auth asks of a service, and a service of it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.features.conftest import Featured
from tests.grammar.macros import feature_problem, problem
from tests.harness.project import Copy, Project
from tests.harness.service import database, start
from tests.harness.template import commit
from tests.harness.updates import ANSWERS_FILE


@pytest.fixture
def owners(featured: Featured, copy: Copy) -> Project:
    """A project with resources that have an owner, for a test to change."""
    return copy(featured("owners"))


def test_add_brings_what_the_feature_requires(own_project: Project) -> None:
    said = own_project.run("feature", "add", "auth")
    assert said.startswith("Added auth, and mail, which it requires. Create the migration, ")
    assert 'uv run alembic revision --autogenerate -m "add auth"' in said
    assert "All endpoints now require a token" in said
    answers = (own_project.path / ANSWERS_FILE).read_text()
    assert "\nfeatures:\n- auth\n- mail\n" in answers


def test_what_is_required_cannot_be_dropped(owners: Project) -> None:
    said = owners.run("feature", "drop", "mail", code=1)
    assert said == (
        "Feature 'mail' cannot be dropped: 'auth' requires it; drop that first: "
        "uv run feature drop auth\n"
    )


def test_auth_cannot_go_while_a_resource_has_an_owner(owners: Project) -> None:
    said = owners.run("feature", "drop", "auth", code=1)
    assert said.startswith("Resource 'order': 'owner' requires the feature 'auth'; ")
    assert said.count("\n") == 1
    assert owners.changes() == ""


def test_an_owner_comes_and_goes_with_one_word(owners: Project) -> None:
    said = owners.run("resource", "change", "item", "+owner")
    assert "Rows have an owner from now on: owner_id. On a table with rows the migration" in said
    model = owners.path / "app" / "resources" / "item" / "models.py"
    assert "class Item(Owned, Base):" in model.read_text()
    commit(owners.path, "Owned items")
    said = owners.run("resource", "change", "item", "-owner")
    assert (
        "Rows have no owner any more, and every user can read and change all of them. The" in said
    )
    assert "class Item(Base):" in model.read_text()


@pytest.mark.parametrize(
    ("resources", "line", "features", "sentence"),
    [
        ({}, "note owner text:text", [], "Resource 'note': 'owner' requires the feature 'auth'; "),
        ({"user": "name:str"}, "", ["auth"], "Resource 'user': 'user' is a name that the feature"),
        ({"log_in/logins": "at:date"}, "", ["auth"], "Resource 'log_in': 'logins' is a name that"),
        (
            {},
            "user name:str",
            ["auth"],
            "Resource 'user': 'user' is a name that the feature 'auth'",
        ),
        ({}, "note owner owner:int", ["auth"], "Field 'owner' of 'note': 'owner' adds a field"),
        ({}, "note owner owner_id:int", ["auth"], "Field 'owner_id' of 'note': 'owner' adds a fi"),
        ({}, "note owner", ["auth"], "Resource 'note' has no fields; "),
        ({}, "", ["foo", "mail"], "Feature 'foo' does not exist; the features are: auth, jobs, "),
        ({}, "", {"mail": "x"}, "The answer 'features' must list features, such as [mail]."),
        ({}, "", [1], "The answer 'features' must list features, such as [mail]."),
        ({}, "", None, "The answer 'features' must list features, such as [mail]."),
    ],
)
def test_impossible_commands_are_rejected_in_one_sentence(
    resources: dict[str, str], line: str, features: object, sentence: str
) -> None:
    assert feature_problem(resources, line, features).startswith(sentence)


def test_names_of_features_are_free_without_them() -> None:
    for line in ("user name:str", "login at:date", "note owner:str", "mail text:str"):
        assert problem({}, line) == ""
    assert feature_problem({"order": "owner total:int"}, "", "auth") == ""
    assert "rename the resource first: uv run resource rename user NEW_NAME." in feature_problem(
        {"user/people": "name:str"}, "", ["auth"]
    )


PASSWORD = "correct horse battery staple"
PASSWORDS_A_USER = 10  # as docs/features/auth.md says


@pytest.fixture
def two_processes(featured: Featured) -> Iterator[list[httpx.Client]]:
    """Two processes of a service, with the users Ada and Bob."""
    project = featured("auth")
    development = {"ENVIRONMENT": "development", "SERVE_DOCS": "false"}
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        with (
            start(project, url, **development) as (client, command),
            start(project, url, **development) as (other, _),
        ):
            for name in ("ada", "bob"):
                user = {"email": f"{name}@example.com", "name": name, "password": PASSWORD}
                assert client.post("/users", json=user).status_code == 202
                token = command.wait_for(rf"(?s)To: {name}@.*?[?#&]token=([\w-]+)")
                verification = {"token": token, "password": PASSWORD}
                assert client.post("/email-verifications", json=verification).status_code == 204
            yield [client, other]


def log_in(client: httpx.Client, name: str, password: str, address: str) -> int:
    """The status of the attempt of a client with this address, which a proxy has passed on."""
    attempt = {"email": f"{name}@example.com", "password": password}
    return client.post("/logins", json=attempt, headers={"X-Forwarded-For": address}).status_code


def test_of_a_thousand_attempts_to_log_in_ten_reach_the_password(
    two_processes: list[httpx.Client],
) -> None:
    def attempt(number: int) -> int:
        address = f"10.0.{number // 250}.{number % 250}"
        return log_in(two_processes[number % 2], "ada", f"password {number}", address)

    with ThreadPoolExecutor(16) as threads:
        statuses = Counter(threads.map(attempt, range(1000)))
    assert statuses == {401: PASSWORDS_A_USER, 429: 1000 - PASSWORDS_A_USER}
    assert log_in(two_processes[0], "ada", PASSWORD, "10.1.0.1") == 429
    assert log_in(two_processes[1], "bob", PASSWORD, "10.1.0.1") == 201

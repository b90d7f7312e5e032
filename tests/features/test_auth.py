"""What the feature auth asks of a service, and a service of it."""

import pytest

from tests.features.conftest import Featured
from tests.grammar.macros import feature_problem, problem
from tests.harness.project import Copy, Project
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
    assert "All endpoints require a token now" in said
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
    owners.run("resource", "change", "item", "-owner")
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

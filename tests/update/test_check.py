"""`uv run template check` finds what neither the release nor an edit explains, and repairs it.

Small releases instead of Copier's renders; `test_branches.py` runs the command.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dev.template import comparison as comparison_module
from dev.template import update as update_module
from dev.template.answers import parse_features
from dev.template.check import check, compare_releases
from dev.template.git import Repository, TemplateError
from tests.harness.template import commit, git, write

REGISTRY = "app/resources/__init__.py"
IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.com")


def render(
    source: str, release: str, answers: Path, target: Path, changes: Mapping[str, Any] | None = None
) -> None:
    """Render what the answers say, as the template does: a registry, and a folder a resource."""
    text = answers.read_text()
    names = sorted(re.findall(r"^    (\w+): ", text, re.MULTILINE))
    features = (changes or {}).get("features", parse_features(text))
    files = {
        ".copier-answers.yml": answers_file(release, *names, features=features),
        "app/main.py": f"release = {release}\ncreate = 1\n",
        REGISTRY: registry(*(f"{name}_router" for name in names)),
        **{f"app/{feature}/__init__.py": "" for feature in features},
    }
    if features:
        files["app/features.py"] = f"from app import {', '.join(features)}\n\nALL = 1\n"
        files[f"app/{'_and_'.join(features)}.py"] = "together\n"
    if "mail" in features:
        files["app/mail/outgoing.py"] = f"send = {'later' if 'jobs' in features else 'now'}\n)\n)\n"
    for name in names:
        lines = [
            f"class {name}:",
            f"    {name} = {name}",
            f"    release = {release}",
            *(f"    {feature} = {name}\n    )" for feature in features),
            "    )",
            "    # Yours",
        ]
        files[f"app/resources/{name}/models.py"] = "\n".join([*lines, ""])
        files[f"tests/factories/{name}.py"] = "".join(f"{feature}\n" for feature in features)
    write(target, files)


def answers_file(release: str, *names: str, features: Sequence[str] = ()) -> str:
    listed = "".join(f"- {feature}\n" for feature in features)
    resources = "".join(f"    {name}: name:str\n" for name in names)
    return (
        f"_commit: {release}\n_src_path: /template\n"
        + (f"features:\n{listed}" if listed else "")
        + f"resource: ''\nresources:\n{resources}"
    )


def registry(*lines: str) -> str:
    routers = "".join(f"    {line},\n" for line in lines)
    return f"import fastapi\n\nimport app\n\nROUTERS = [\n{routers}]\n"


class Service:
    """A service of release 1 with the resources `item` and `order`, of which one is edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generate("1", "item", "order")
        git(folder, "init", "--quiet", "--initial-branch", "main")
        commit(folder, "Start")
        self.append("app/resources/order/models.py", "    mine = 1\n")
        write(folder, {"app/main.py": "release = 1\n", "own.py": "mine\n"})
        commit(folder, "Work")

    def generate(self, release: str, *names: str, features: Sequence[str] = ()) -> None:
        """Render a release, without regard to what is there."""
        answers = self.folder.with_name("answers.yml")
        answers.write_text(answers_file(release, *names, features=features))
        render("", release, answers, self.folder)

    def change(self, *names: str, features: Sequence[str] = ()) -> None:
        """Render other answers, as the commands do: with the edits of `order`, and a commit."""
        path = "app/resources/order/models.py"
        mine = self.text(path).partition("    # Yours\n")[2]
        main = self.text("app/main.py")
        self.generate("1", *names, features=features)
        self.append(path, mine)
        write(self.folder, {"app/main.py": main})
        commit(self.folder, "Change")

    def append(self, file: str, text: str) -> None:
        write(self.folder, {file: self.text(file) + text})

    def text(self, file: str) -> str:
        return (self.folder / file).read_text()

    def findings(self) -> list[str]:
        return [finding.text for finding in check(Repository(self.folder))[0]]

    def repair(self) -> None:
        """Repair what was found, commit it, and see that nothing is found any more."""
        _, merge = check(Repository(self.folder), repair=True)
        assert merge is not None
        assert merge.conflicts == []
        commit(self.folder, "Repair")
        assert self.findings() == []


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(comparison_module, "render", render)
    return Service(tmp_path / "service")


def test_edits_are_no_finding(service: Service) -> None:
    assert service.findings() == []


def test_answers_that_were_edited_are_found_and_repaired(service: Service) -> None:
    write(service.folder, {".copier-answers.yml": answers_file("1", "order", "item")})
    commit(service.folder, "Edit")
    [finding] = service.findings()
    assert finding.startswith(".copier-answers.yml is not as the template writes it")
    service.repair()
    assert service.text(".copier-answers.yml") == answers_file("1", "item", "order")


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ("    item: name:str\n", "    item: name:str\n    item: name:str? note:text\n"),
        ("resource: ''\n", "resource: ''\nservice: mine\nservice: yours\n"),
    ],
    ids=["a resource", "an answer"],
)
def test_lines_of_both_branches_in_the_answers_are_an_error(
    service: Service, before: str, lines: str
) -> None:
    """Git keeps both where one branch changes a line, and the other one adds a line beside it."""
    answers = service.text(".copier-answers.yml")
    write(service.folder, {".copier-answers.yml": answers.replace(before, lines)})
    commit(service.folder, "Merge")
    with pytest.raises(TemplateError) as raised:
        service.findings()
    first, *values = str(raised.value).splitlines()
    assert "more than once: a merge has kept the lines of both branches. Write one line" in first
    assert [value.strip() for value in values] == [line.strip() for line in lines.splitlines()[-2:]]


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        (["item_router", "mine"], f"{REGISTRY} lacks: order_router,"),
        (["order_router", "mine", "item_router"], f"{REGISTRY} has another order"),
    ],
)
def test_a_registry_that_was_merged_by_hand_is_found_and_repaired(
    service: Service, lines: list[str], finding: str
) -> None:
    write(service.folder, {REGISTRY: registry(*lines)})
    commit(service.folder, "Edit")
    assert service.findings() == [finding]
    service.repair()
    routers = re.findall(r"^    (\w+),$", service.text(REGISTRY), re.MULTILINE)
    assert service.text(REGISTRY) == registry(*routers)
    assert [router for router in routers if router != "mine"] == ["item_router", "order_router"]
    assert "mine" in routers


@pytest.mark.parametrize("number", range(9))
def test_lines_of_your_own_may_be_anywhere_in_a_registry(service: Service, number: int) -> None:
    lines = service.text(REGISTRY).splitlines()
    lines[number:number] = ["", "mine", ""]
    write(service.folder, {REGISTRY: "\n".join([*lines, ""])})
    commit(service.folder, "Edit")
    assert service.findings() == []


def test_a_repair_leaves_lines_of_your_own_where_they_are(service: Service) -> None:
    def with_own_line(*routers: str) -> str:
        return registry(*routers).replace("import app", "import an_own_one\nimport app")

    write(service.folder, {REGISTRY: with_own_line("item_router")})
    commit(service.folder, "Edit")
    service.repair()
    assert service.text(REGISTRY) == with_own_line("item_router", "order_router")


def test_a_resource_without_files_is_found(service: Service) -> None:
    write(service.folder, {"app/resources/item/models.py": None})
    commit(service.folder, "Lose")
    [finding] = service.findings()
    assert finding.startswith("Resource 'item' is in .copier-answers.yml, and has no files")


@pytest.mark.parametrize("lines", [["order_router"], ["item_router", "order_router"]])
def test_a_repair_adds_no_resource_without_files_to_a_registry(
    service: Service, lines: list[str]
) -> None:
    """Its import would make everything fail, until it is dropped."""
    gone = "app/resources/item/models.py"
    write(service.folder, {gone: None, REGISTRY: registry(*lines)})
    commit(service.folder, "Merge")
    [finding] = service.findings()
    assert finding.startswith("Resource 'item' is in .copier-answers.yml, and has no files")


def test_a_field_that_a_merge_has_lost_is_found(service: Service) -> None:
    """One branch adds a field, and the other one renames the resource: git moves the field along
    in the code, and not in the answers."""
    answers = answers_file("1", "item", "order")
    with_field = answers.replace("item: name:str", "item: name:str tag:ref(tag)")
    write(service.folder, {".copier-answers.yml": with_field})
    commit(service.folder, "Change on a branch")
    models = "app/resources/order/models.py"
    text = (
        "class Order:\n    tag: Mapped[Tag] = 1\n    # Your own columns\n    own: Mapped[int] = 1\n"
    )
    write(service.folder, {".copier-answers.yml": answers, models: text})
    commit(service.folder, "Merge")
    assert service.findings() == []  # it is a column of the user's own: `item` is still there
    write(service.folder, {models.replace("order", "item"): text})
    commit(service.folder, "Lose")
    [finding] = service.findings()
    assert finding == (
        "app/resources/item/models.py has tag, but resource 'item' in .copier-answers.yml does "
        'not. Add what a merge has lost: uv run resource change item "+tag:ref(tag)"; or remove it '
        "from the file"
    )


def test_files_that_git_ignores_are_found(service: Service) -> None:
    write(service.folder, {".gitignore": "order\n"})
    commit(service.folder, "Ignore")
    assert service.findings() == []  # they are in git all the same
    git(service.folder, "rm", "--quiet", "--cached", "app/resources/order/models.py")
    commit(service.folder, "Forget")
    [finding] = service.findings()
    assert finding.startswith("Git ignores app/resources/order/models.py, so that the last commit")


def merge_a_branch_with(service: Service, add: list[str], change: str | None = None) -> None:
    """Add a resource on a branch that has release 1, and merge it after main got release 2."""
    git(service.folder, "switch", "--quiet", "--create", "branch")
    service.generate("1", *add)
    write(service.folder, {"app/main.py": "release = 1\n"})
    if change is not None:
        service.append(change, "    branch = 1\n")
    commit(service.folder, "Add on a branch")
    git(service.folder, "switch", "--quiet", "main")
    mine = service.text("app/resources/order/models.py").partition("    # Yours\n")[2]
    service.generate("2", "item", "order")
    service.append("app/resources/order/models.py", mine)
    write(service.folder, {"app/main.py": "release = 2\n"})
    commit(service.folder, "Update")
    git(service.folder, *IDENTITY, "merge", "--quiet", "--strategy-option=ours", "branch")


def test_a_resource_of_a_branch_with_an_older_release_is_found_and_repaired(
    service: Service,
) -> None:
    merge_a_branch_with(service, ["item", "order", "tag"], change="app/resources/tag/models.py")
    write(service.folder, {".copier-answers.yml": answers_file("2", "item", "order", "tag")})
    commit(service.folder, "Resolve")
    service.append("own.py", "later\n")
    commit(service.folder, "Later")
    [finding] = [text for text in service.findings() if text.startswith("Resource")]
    assert finding == (
        "Resource 'tag' is as release 1 rendered it: it was added or changed on a branch that 2 "
        "was not in: app/resources/tag/models.py"
    )
    service.repair()
    repaired = service.text("app/resources/tag/models.py")
    assert "    release = 2\n" in repaired
    assert "    branch = 1\n" in repaired


@pytest.mark.parametrize("way", ["merge", "rebase", "squash"])
@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [((), ("tenancy",), "without tenancy"), (("tenancy",), (), "with tenancy")],
    ids=["added", "dropped"],
)
def test_a_resource_of_a_branch_with_other_features_is_found_and_repaired(
    service: Service, before: Sequence[str], after: Sequence[str], difference: str, way: str
) -> None:
    service.change("item", "order", features=before)
    git(service.folder, "switch", "--quiet", "--create", "branch")
    service.change("item", "order", "tag", features=before)
    service.append("app/resources/tag/models.py", "    )\n    mine = 1\n")
    commit(service.folder, "Edit")
    git(service.folder, "switch", "--quiet", "main")
    service.change("item", "order", features=after)
    if way == "rebase":
        git(service.folder, "switch", "--quiet", "branch")
        git(service.folder, *IDENTITY, "rebase", "--quiet", "main")
    elif way == "squash":
        git(service.folder, "merge", "--quiet", "--squash", "branch")
        commit(service.folder, "Squash")
    else:
        git(service.folder, *IDENTITY, "merge", "--quiet", "branch")
    [finding] = service.findings()
    assert finding.startswith(f"Resource 'tag' was rendered {difference}: it was added")
    assert finding.endswith("app/resources/tag/models.py, tests/factories/tag.py")
    service.repair()
    repaired = service.text("app/resources/tag/models.py")
    assert ("    tenancy = tag\n" in repaired) == (difference == "without tenancy")
    assert repaired.endswith("    mine = 1\n")


def test_files_that_follow_from_features_of_two_branches_are_found_and_repaired(
    service: Service,
) -> None:
    service.change("item", "order")
    git(service.folder, "switch", "--quiet", "--create", "branch")
    service.change("item", "order", features=["jobs"])
    git(service.folder, "switch", "--quiet", "main")
    service.change("item", "order", features=["mail"])
    service.append("app/mail/outgoing.py", "mine = 1\n")
    commit(service.folder, "Edit")
    merge = ("merge", "--quiet", "--no-commit", "--strategy-option=ours", "branch")
    git(service.folder, *IDENTITY, *merge)
    service.change("item", "order", features=["jobs", "mail"])
    git(service.folder, "checkout", "--quiet", "HEAD^", "--", "app/mail")
    git(service.folder, "checkout", "--quiet", "HEAD^2", "--", "app/jobs.py")
    lines = (
        "from app import mail",
        "from app import jobs",
        "",
        "",
        "ALL = 1",
        "mine",
        "ALL = 1",
        "",
    )
    write(service.folder, {"app/jobs_and_mail.py": None, "app/features.py": "\n".join(lines)})
    git(service.folder, "add", "--all")
    git(service.folder, *IDENTITY, "commit", "--quiet", "--amend", "--no-edit")
    [finding] = [text for text in service.findings() if text.startswith("A merge")]
    assert finding == (
        "A merge has combined the features of branches (jobs, mail), and these files do not fit "
        "the combination yet: app/jobs.py, app/jobs_and_mail.py, app/mail.py, "
        "app/mail/outgoing.py, app/features.py"
    )
    service.repair()
    assert service.text("app/mail/outgoing.py") == "send = later\n)\n)\nmine = 1\n"
    assert (service.folder / "app/jobs_and_mail.py").exists()
    assert not (service.folder / "app/jobs.py").exists()
    assert service.text("app/features.py") == "from app import jobs, mail\n\nALL = 1\nmine\n"


def test_edits_of_what_a_feature_has_rendered_are_no_finding(service: Service) -> None:
    service.change("item", "order", features=["tenancy"])
    path = "app/resources/item/models.py"
    write(service.folder, {path: service.text(path).replace("    tenancy = item\n", "")})
    commit(service.folder, "Edit")
    assert service.findings() == []


def test_a_resource_that_was_updated_with_all_others_is_no_finding(service: Service) -> None:
    service.generate("2", "item", "order")
    write(service.folder, {"app/main.py": "release = 2\n"})
    commit(service.folder, "Update")
    assert service.findings() == []


def test_another_release_than_that_of_the_target_is_said(service: Service) -> None:
    repository = Repository(service.folder)
    assert compare_releases(repository, "main") is None
    git(service.folder, "switch", "--quiet", "--create", "branch")
    service.generate("2", "item", "order")
    commit(service.folder, "Update")
    said = compare_releases(repository, "main")
    assert said is not None
    assert said.startswith("This branch has release 2, and main has 1.")


def test_a_target_that_does_not_exist_is_an_error(service: Service) -> None:
    with pytest.raises(TemplateError, match="object name"):
        compare_releases(Repository(service.folder), "nothing")


def test_answers_that_are_not_committed_are_not_compared_with_the_last_commit(
    service: Service,
) -> None:
    service.generate("1", "item", "order", "person")
    with pytest.raises(TemplateError, match="has changes that are not committed"):
        service.findings()


def test_answers_that_the_template_refuses_are_an_error_that_names_the_way(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a reference to a resource that the other branch has dropped."""

    def refuse(*_: Any) -> None:
        raise TemplateError("Field 'item' of 'order': resource 'item' does not exist.")

    monkeypatch.setattr(comparison_module, "render", refuse)
    monkeypatch.setattr(update_module, "render", refuse)
    for command in (
        lambda: check(Repository(service.folder)),
        lambda: update_module.update(Repository(service.folder), update_module.Change()),
    ):
        with pytest.raises(TemplateError) as raised:
            command()
        first, second = str(raised.value).splitlines()
        assert first.startswith("The answers in .copier-answers.yml contradict each other")
        assert first.endswith("Field 'item' of 'order': resource 'item' does not exist.")
        assert second.startswith("Take the merge back, make the change on one of the branches")


def test_nothing_is_repaired_among_uncommitted_changes(service: Service) -> None:
    write(service.folder, {".copier-answers.yml": answers_file("1", "order", "item")})
    with pytest.raises(TemplateError, match="uncommitted changes"):
        check(Repository(service.folder), repair=True)

"""What in a service neither its release nor an edit explains, and its repair.

Git merges branches line by line and knows nothing about renders. So a merge can leave a resource as
an older release rendered it, or out of a registry.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.template import writing
from dev.template.answers import ANSWERS_FILE, find_release, read_release
from dev.template.branches import find_combined_features, find_lost_fields, find_older_resources
from dev.template.comparison import Comparison, Finding
from dev.template.git import Repository, TemplateError
from dev.template.merging import Merge
from dev.template.registries import find_in_registries
from dev.template.update import check_ready, check_repository


def check(project: Repository, *, repair: bool = False) -> tuple[list[Finding], Merge | None]:
    """Compare the last commit of a service with what its release renders, and repair it if asked.

    Raises TemplateError if it cannot.
    """
    if repair:
        check_ready(project)
    else:
        check_repository(project)
        _check_answers_are_committed(project)
    with TemporaryDirectory(prefix="template-") as folder:
        comparison = Comparison(project, Path(folder))
        findings = list(_find(comparison))
        if repair and any(finding.repairs for finding in findings):
            return findings, _repair(comparison, findings)
    return findings, None


def _find(comparison: Comparison) -> Iterator[Finding]:
    yield from _find_in_answers(comparison)
    yield from find_in_registries(comparison)
    yield from _find_missing_files(comparison)
    yield from find_older_resources(comparison)
    yield from find_combined_features(comparison)
    yield from find_lost_fields(comparison)


def _repair(comparison: Comparison, findings: list[Finding]) -> Merge:
    """Merge what was found into the service; nothing is committed."""
    repairs = {path: two for finding in findings for path, two in finding.repairs.items()}
    rest = {path: blob for path, blob in comparison.rendered.items() if path not in repairs}
    old, new = (
        comparison.scratch.commit_files(
            rest | {path: blob for path, two in repairs.items() if (blob := two[side])}
        )
        for side in (0, 1)
    )
    merge = comparison.scratch.merge(old, new)
    writing.write(comparison.project, merge, comparison.scratch.repository.folder)
    return merge


def _find_in_answers(comparison: Comparison) -> Iterator[Finding]:
    if comparison.before.get(ANSWERS_FILE) != comparison.rendered[ANSWERS_FILE]:
        yield Finding(
            f"{ANSWERS_FILE} is not as the template writes it: it was edited or merged by hand",
            {ANSWERS_FILE: (comparison.before[ANSWERS_FILE], comparison.rendered[ANSWERS_FILE])},
        )


def _find_missing_files(comparison: Comparison) -> Iterator[Finding]:
    ignored = comparison.ignored(
        path for path in comparison.rendered if path not in comparison.before
    )
    if ignored:
        paths = ", ".join(ignored)
        yield Finding(
            f"Git ignores {paths}, so that the last commit lacks what the template renders. "
            "Add such files with: git add --force",
            {},
        )
    for name, kind in comparison.without_files.items():
        yield Finding(
            f"{kind.capitalize()} '{name}' is in {ANSWERS_FILE}, and has no files; add "
            f"them again, or drop it: uv run {kind} drop {name}",
            {},
        )


def _check_answers_are_committed(project: Repository) -> None:
    if project.git("diff", "--name-only", "HEAD", "--", ANSWERS_FILE):
        raise TemplateError(
            f"{ANSWERS_FILE} has changes that are not committed, and what is compared is the last "
            "commit. Commit them first: git add . && git commit"
        )


def compare_releases(project: Repository, branch: str) -> str | None:
    """What is wrong if this branch has another release than the one it will be merged into.

    Raises TemplateError if there is no such branch.
    """
    prefix = project.git("rev-parse", "--show-prefix").rstrip("\n")
    there = find_release(project.git("cat-file", "blob", f"{branch}:{prefix}{ANSWERS_FILE}"))
    here = read_release(project.folder)
    if there == here:
        return None
    return (
        f"This branch has release {here}, and {branch} has {there}. A merge would mix them: give "
        "both the same release first. To update this one: uv run template update --to VERSION"
    )

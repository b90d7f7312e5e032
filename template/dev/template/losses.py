"""Whether each line that the user wrote is in the result of an update."""

from collections import Counter

from dev.template.git import Repository
from dev.template.merging import Merge

Lines = dict[str, Counter[str]]
"""Lines of each file, and how often."""


def find_losses(repository: Repository, merge: Merge) -> dict[str, list[str]]:
    """The lines of each file that the user wrote and that are nowhere in the result.

    The user wrote what the service has and the release does not that it was rendered from. Such a
    line may be in another file, if the release or the user has moved it, or in a conflict.
    """
    before, result = repository.files(merge.before), repository.files(merge.commit)
    missing = _missing_in_the_same_file(repository, merge, before, result)
    if not missing:
        return {}
    changed = [path for path in result if result[path] != before.get(path)]
    elsewhere = {line for path in changed for line in repository.lines(result[path])}
    lost = {
        path: [line for line in lines if line not in elsewhere] for path, lines in missing.items()
    }
    return {path: lines for path, lines in lost.items() if lines}


def _missing_in_the_same_file(
    repository: Repository, merge: Merge, before: dict[str, str], result: dict[str, str]
) -> Lines:
    def lines(blob: str | None) -> Counter[str]:
        return Counter() if blob is None else Counter(repository.lines(blob))

    old = repository.files(merge.old)
    old |= {now: old[then] for then, now in merge.moved_by_user.items()}
    in_conflict = {ours.path: ours.blob for ours in merge.unmerged if ours.stage == "2"}
    missing = {}
    for path, blob in before.items():
        if blob in (old.get(path), result.get(path)) or path in merge.deleted_edits:
            continue
        written = lines(blob) - lines(old.get(path))
        there = lines(result.get(path)) | lines(in_conflict.get(path))
        missing[path] = Counter(
            {line: count for line, count in (written - there).items() if line.strip()}
        )
    return {path: lines for path, lines in missing.items() if lines}

"""Tries mutants of a rendered service: `python -m tests.mutation [COUNT [SEED]]`.

Prints how many of them the service's own tests notice, and those that they do not. Takes a second
or two for each on a quiet core. Fails if less than 95 % of those that change something are noticed.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.harness.project import render
from tests.harness.service import database
from tests.harness.template import snapshot
from tests.mutation.equivalents import is_equivalent

OVERLAY = Path(__file__).parent / "overlay"
RESOURCES = {
    "author": "name:str(50)! born:date? about:text?",
    "book": "title:str price:decimal(10,2)=0 stock:int released_at:datetime? author:ref(author) "
    "state:enum(new|sold)*=new",
}
ENOUGH = 0.95


def try_mutants(count: int, seed: int) -> list[dict[str, str]]:
    """Each of a sample of mutants, and the test that notices it; that is empty if none does."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot(Path(folder, "template"))
        answers: dict[str, object] = {"resource": "", "resources": RESOURCES}
        project = render(Path(folder, "template"), Path(folder, "project"), answers)
        shutil.copytree(OVERLAY, project.path, dirs_exist_ok=True)
        results = Path(folder, "results.json")
        with database(project, tcp=True) as url:
            command = ("python", "-m", "mutation", str(seed), str(count), str(results))
            with project.start(*command, TEST_DATABASE_URL=url) as running:
                running.wait(seconds=6 * 60 * 60)
        found: list[dict[str, str]] = json.loads(results.read_text())
        return found


def main(count: int = 500, seed: int = 1) -> None:
    found = try_mutants(count, seed)
    survivors = [mutant for mutant in found if not mutant["noticed_by"]]
    equivalent = [
        mutant
        for mutant in survivors
        if is_equivalent(mutant["path"], mutant["definition"], mutant["change"])
    ]
    missed = [mutant for mutant in survivors if mutant not in equivalent]
    for mutant in missed:
        print(f"not noticed: {mutant['mutant']}")
    changing = len(found) - len(equivalent)
    noticed = changing - len(missed)
    print(
        f"{len(found)} mutants: {len(equivalent)} change nothing; {noticed} of the other "
        f"{changing} are noticed ({noticed / changing:.1%})"
    )
    if noticed / changing < ENOUGH:
        sys.exit(1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

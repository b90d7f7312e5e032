"""The commands of updating.md, in a service for which there are two newer releases."""

from pathlib import Path

import pytest

from tests.docs.commands import run_commands, section
from tests.harness.project import MIGRATIONS, Copy, Project
from tests.harness.template import ROOT, commit, git
from tests.harness.thorough import fewer
from tests.harness.updates import follow, next_release, replace

UPDATING = (ROOT / "docs" / "updating.md").read_text()


@pytest.mark.thorough  # tests/update shows what the commands do
def test_its_commands_bring_a_release_and_settle_a_conflict(
    template: Path, default_project: Project, copy: Copy, tmp_path: Path
) -> None:
    project = copy(default_project)
    newer = next_release(
        template, tmp_path / "next", {"template/dev/postgres/errors.py": ('"""', '"""New. ')}
    )
    follow(project, newer)
    variables = project.variables() | fewer(MIGRATIONS)
    output = run_commands(section(UPDATING, "Update"), project.path, **variables)
    assert "New template version available" in output
    assert (project.path / "dev/postgres/errors.py").read_text().startswith('"""New. ')

    replace(newer, {"template/app/health.py": ("TIMEOUT = 2.0", "TIMEOUT = 1.0")})
    commit(newer, "Next")
    git(newer, "tag", "1001.0.0")
    replace(project.path, {"app/health.py": ("TIMEOUT = 2.0", "TIMEOUT = 5.0")})
    commit(project.path, "Work")
    update = "\n```sh\nuv run template update || true\n```\n"
    resolving = update + section(UPDATING, "When an update conflicts")
    output = run_commands(resolving, project.path, **project.variables())
    assert "\napp/health.py\n" in output
    assert "TIMEOUT = 5.0  #" in (project.path / "app/health.py").read_text()
    assert "UU" not in project.changes()

"""How long a message takes to reach 1,000 clients of one process, over sockets."""

import shutil
import tempfile
from pathlib import Path

from tests.harness.project import render
from tests.harness.service import database, serve
from tests.harness.template import snapshot

CLIENTS = Path(__file__).parent / "overlay" / "thousand_clients.py"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        snapshot(Path(folder, "template"))
        answers: dict[str, object] = {"features": ["realtime"]}
        project = render(Path(folder, "template"), Path(folder, "project"), answers)
        shutil.copy(CLIENTS, project.path)
        with database(project) as url:
            project.alembic("upgrade", "head", DATABASE_URL=url)
            with serve(project, url) as client:
                print(project.run("python", CLIENTS.name, str(client.base_url)), flush=True)


if __name__ == "__main__":
    main()

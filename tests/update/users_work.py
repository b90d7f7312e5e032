"""What a user has made of a project.

Edits of the template's files, where it has a place for them and where it has none, and files of the
user's own (`overlay/`), whose tests use the edits.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.harness.project import Project
from tests.harness.template import commit

OWN_FILES = Path(__file__).parent / "overlay"


@dataclass(frozen=True)
class Edit:
    """Lines that were added below a line that is there, or at the start of the file."""

    file: str
    below: str
    added: str


EDITS = [
    Edit(
        "app/resources/item/models.py",
        "    # Your own columns, relationships and methods go below this line.\n",
        """
    rank: Mapped[int] = mapped_column(sa.Integer(), server_default="7")

    @property
    def label(self) -> str:
        return f"{self.name}: {self.price}"
""",
    ),
    Edit(
        "app/resources/item/models.py",
        "        # Your own indexes and constraints go below this line.\n",
        '        sa.Index("ix_items_rank", "rank", "id"),\n',
    ),
    Edit(
        "app/resources/item/crud.py",
        "",
        "from sqlalchemy import select\nfrom sqlalchemy.ext.asyncio import AsyncSession\n\n",
    ),
    Edit(
        "app/resources/item/crud.py",
        "from app.crud import Crud\n",
        "from app.errors import NotFoundError\n",
    ),
    Edit(
        "app/resources/item/crud.py",
        "    # Your own queries go below this line.\n",
        """
    async def named(self, session: AsyncSession, name: str) -> Item:
        item = await session.scalar(select(Item).where(Item.name == name))
        if item is None:
            raise NotFoundError(f"There is no item {name}.")
        return item
""",
    ),
    Edit(
        "app/resources/item/router.py",
        "# Your own endpoints go below this line.\n",
        """

@router.get("/search", response_model=ItemRead, responses=problem_docs(404))
async def search_item(session: SessionDep, name: str) -> Item:
    return await crud.named(session, name)
""",
    ),
    Edit(
        "app/resources/__init__.py",
        "# Your own imports go below this line.\n",
        "from fastapi import Depends\n\n"
        "from app.status import check_language\n"
        "from app.status import router as status_router\n",
    ),
    Edit(
        "app/resources/__init__.py",
        "    # Your own routers go below this line.\n",
        "    status_router,\n",
    ),
    Edit(
        "app/settings.py",
        "    # Your own settings go below this line.\n",
        '\n    greeting: str = "Hello"\n',
    ),
    Edit(
        "tests/factories/__init__.py",
        "# Your own imports go below this line.\n",
        "from tests.factories.own import CheapItemFactory\n",
    ),
    Edit(
        "tests/factories/__init__.py",
        "    # Your own factories go below this line.\n",
        '    "CheapItemFactory",\n',
    ),
    Edit(
        "tests/api/test_items.py",
        "from tests.api.contract import ResourceContract\n",
        "from tests.factories.own import CheapItemFactory\n",
    ),
    Edit(
        "tests/api/test_items.py",
        "    # Your own tests go below this line.\n",
        """
    def test_there_are_cheap_ones(self) -> None:
        assert issubclass(CheapItemFactory, self.factory)
""",
    ),
    Edit(
        "pyproject.toml",
        "    # Your own dependencies go below this line.\n",
        '    "anyio>=4",\n',
    ),
    Edit(
        "pyproject.toml",
        "    # Your own development dependencies go below this line.\n",
        '    "packaging>=26",\n',
    ),
    Edit(
        ".github/workflows/ci.yml",
        "      - uses: ./.github/actions/setup\n",
        "      - name: A step of my own\n        run: uv run python -c 'import app.status'\n",
    ),
    Edit(
        ".github/workflows/ci.yml",
        "      # Your own checks go below this line.\n",
        "      - name: A check of my own\n        run: uv run python -c 'import app.main'\n",
    ),
    Edit(
        ".pre-commit-config.yaml",
        "  # Your own hooks go below this line.\n",
        """  - repo: local
    hooks:
      - {id: own, name: a hook of my own, language: system, entry: "true"}
""",
    ),
    Edit(".env.example", "# Your own settings go below this line.\n", "GREETING=Hello\n"),
    Edit(
        "pyproject.toml",
        "    # Your own filters go below this line.\n",
        '    "ignore:what a package of mine warns of",\n',
    ),
    Edit(
        "pyproject.toml",
        "# Your own tools go below this line.\n",
        "\n[tool.own]\nkept = true\n",
    ),
    Edit(
        "app/main.py",
        "            # Your own startup and shutdown go below this line.\n",
        "            app.state.is_up = True\n"
        '            stack.callback(setattr, app.state, "is_up", False)\n',
    ),
    Edit(
        "app/resources/__init__.py",
        "    # Your own dependencies of all routers go below this line.\n",
        "    Depends(check_language),\n",
    ),
    Edit(
        "app/main.py",
        "    # Your own middleware goes below this line.\n",
        "    app.state.greeting = settings.greeting\n",
    ),
    Edit(
        "app/resources/item/schemas.py",
        "    # Your own fields of ItemCreate go below this line.\n",
        "    rank: int = 7\n",
    ),
    Edit(
        "app/resources/item/schemas.py",
        "    # Your own fields of ItemRead go below this line.\n",
        "    rank: int\n",
    ),
    Edit(
        "app/resources/item/schemas.py",
        "    # Your own fields of ItemUpdate go below this line.\n",
        "    rank: schemas.Int32 | MISSING = MISSING\n",
    ),
    Edit(
        "app/resources/item/schemas.py",
        "    # Your own fields of ItemQuery go below this line.\n",
        "    rank: Annotated[schemas.Int32, Field(examples=[7])] | MISSING = MISSING\n",
    ),
    Edit(
        ".github/workflows/ci.yml",
        "      # Your own steps after the tests go below this line.\n",
        "      - name: A step after the tests\n        run: ls coverage-*\n",
    ),
    Edit(
        ".github/workflows/ci.yml",
        "  # Your own jobs go below this line.\n",
        "  own:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: uptime\n",
    ),
    Edit(
        "tests/factories/item.py", "    # Your own values go below this line.\n", "    rank = 3\n"
    ),
    Edit(
        "tests/integration/test_migrations.py",
        "# Your own tests go below this line; tests/README.md shows one of what a migration does "
        "to rows.\n",
        """

async def test_items_have_a_rank(migrated: Database) -> None:
    assert await execute(migrated, "SELECT rank FROM items") == []
""",
    ),
    Edit("README.md", "## Where things are\n", "\nMostly where the template has put them.\n"),
]
PLACE = re.compile(r"^ *# .* go(?:es)? below this line.*\n", re.MULTILINE)
"""What says where a user's own lines go."""

DELETED = ["renovate.json", "tests/api/test_limits.py"]
RENAMED = {"tests/api/test_health.py": "tests/api/test_probes.py"}


def work(project: Project) -> None:
    """Begin a user's work on a project, and commit it."""
    shutil.copytree(OWN_FILES, project.path, dirs_exist_ok=True)
    for file in DELETED:
        (project.path / file).unlink()
    for before, after in RENAMED.items():
        (project.path / before).rename(project.path / after)
    edit(project)


def edit(project: Project) -> None:
    """Make, and commit, the edits that are still to be made and that there is a place for."""
    for edit in EDITS:
        path = project.path / edit.file
        text = path.read_text()
        if edit.added not in text:
            path.write_text(text.replace(edit.below, edit.below + edit.added, 1))
    commit(project.path, "Work")


def in_place(project: Project) -> dict[str, bool]:
    """Of each piece of the user's work whether it is as the user has made it."""
    texts = {edit.file: (project.path / edit.file).read_text() for edit in EDITS}
    found = {f"{edit.file}: {edit.added}": edit.added in texts[edit.file] for edit in EDITS}
    for path in OWN_FILES.rglob("*.py"):
        own = path.relative_to(OWN_FILES)
        found[str(own)] = (project.path / own).read_text() == path.read_text()
    for before, after in RENAMED.items():
        found[after] = (project.path / after).exists() and not (project.path / before).exists()
    for file in DELETED:
        found[file] = not (project.path / file).exists()
    return found

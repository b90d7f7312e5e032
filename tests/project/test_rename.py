"""`uv run resource rename` moves a resource with all that its user wrote, and keeps its rows."""

from pathlib import Path

import pytest

from tests.harness.project import Project
from tests.harness.service import database
from tests.harness.template import commit, write
from tests.harness.thorough import fewer

OWN_METHOD = """
    def is_big(self) -> bool:
        return self.total > 100
"""
INDEXES = "        # Your own indexes and constraints go below this line.\n"
OWN_INDEXES = """\
        sa.Index("ix_orders_state_total", "state", "total", "id"),
        sa.Index("ux_orders_total", "total", "id", unique=True),
        sa.Index(
            "paid_orders_total",
            "total",
            postgresql_where=sa.text("state = 'paid'"),
        ),
"""
OWN = {
    "app/resources/order/prices.py": (
        "from app.resources.order.models import Order\n\n\n"
        "def tax(order: Order) -> int:\n    return int(order.total)\n"
    ),
    "app/line_orders.py": (
        "from app.resources.line.models import Line\n"
        "from app.resources.order.models import Order\n\n\n"
        "def belongs(line: Line, order: Order) -> bool:\n    return line.order_id == order.id\n"
    ),
    "tests/unit/test_prices.py": (
        "from httpx import AsyncClient\n\n"
        "from app.resources.order.prices import tax\n"
        "from tests.factories import OrderFactory\n\n\n"
        "async def test_tax(client: AsyncClient) -> None:\n"
        "    assert tax(OrderFactory.build(total=7)) == 7\n"
        '    assert (await client.get("/orders")).status_code == 200\n'
    ),
}
ROW = """
import asyncio, asyncpg, sys
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    print(await connection.fetchval(sys.argv[2]))
asyncio.run(main())
"""


@pytest.fixture
def project(own_project: Project) -> Project:
    """A project with two resources, one of which refers to the other, and own code for that."""
    order = "order total:int state:enum(new|paid)=new note:str?~ item:ref(item)? items:refs(item)"
    own_project.run("resource", "add", order)
    commit(own_project.path, "Orders")
    own_project.run("resource", "add", "line amount:int order:ref(order) orders:refs(order)")
    models = own_project.path / "app" / "resources" / "order" / "models.py"
    text = models.read_text().replace(INDEXES, INDEXES + OWN_INDEXES)
    models.write_text(text + OWN_METHOD)
    write(own_project.path, OWN)
    with database(own_project) as url:
        own_project.alembic("upgrade", "head", DATABASE_URL=url)
        own_project.alembic("revision", "--autogenerate", "--message", "add", DATABASE_URL=url)
    commit(own_project.path, "Lines, and own code")
    return own_project


def test_a_renamed_resource_keeps_its_code_and_its_rows(project: Project, tmp_path: Path) -> None:
    write(tmp_path, {"ignore": "*.py\n", "config": f"[core]\nexcludesFile = {tmp_path}/ignore\n"})
    config = str(tmp_path / "config")
    with database(project) as url:

        def sql(statement: str) -> str:
            return project.python(ROW, url, statement).strip()

        project.alembic("upgrade", "head", DATABASE_URL=url)
        sql("INSERT INTO orders (total) VALUES (7)")
        sql("INSERT INTO items (name) VALUES ('a')")
        sql("INSERT INTO order_items VALUES (1, 1)")

        rename = ("resource", "rename", "order", "purchase")
        said = project.run(*rename, GIT_CONFIG_GLOBAL=config)
        assert said.startswith("Renamed order to purchase.")
        # The name may be any word in the user's own lines, so these are left to the user.
        assert "\n  app/resources/purchase/prices.py:4: def tax(order: Purchase) -> int:\n" in said
        # A reference keeps its name.
        assert "line.order_id ==" in (project.path / "app" / "line_orders.py").read_text()
        moved = project.path / "app" / "resources" / "purchase"
        assert OWN_METHOD in (moved / "models.py").read_text()
        assert list(project.path.glob("app/resources/order/*.py")) == []
        own_test = (project.path / "tests" / "unit" / "test_prices.py").read_text()
        assert "PurchaseFactory.build" in own_test
        assert 'client.get("/purchases")' in own_test

        project.alembic("upgrade", "head", DATABASE_URL=url)
        assert sql("SELECT total FROM purchases") == "7"
        project.alembic("check", DATABASE_URL=url)
        names = "SELECT relname FROM pg_class UNION SELECT conname FROM pg_constraint"
        old = "orders|order_items|items_order_id"
        # A list of references has the name of its field, which stays.
        found = f"relname ~ '{old}' AND relname !~ 'line_orders'"
        assert sql(f"SELECT array_agg(relname) FROM ({names}) n WHERE {found}") == "None"
        assert sql("SELECT count(*) FROM purchase_items WHERE purchase_id = 1") == "1"
        project.alembic("downgrade", "-1", DATABASE_URL=url)
        assert sql("SELECT total FROM orders") == "7"

    variables = fewer("tests/api tests/unit/test_prices.py")
    project.pytest(code=0, **variables)
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    project.run("mypy")
    commit(project.path, "Purchases")
    assert "is what its release renders" in project.run("template", "check")

    said = project.run("resource", "rename", "purchase", "class", code=1)
    assert "Python keyword" in said
    assert project.changes() == ""


def test_a_table_that_no_migration_has_created_yet_is_not_renamed(own_project: Project) -> None:
    own_project.run("resource", "add", "order total:int items:refs(item)")
    commit(own_project.path, "Orders")
    migrations = own_project.path / "migrations" / "versions"
    before = sorted(migrations.iterdir())
    said = own_project.run("resource", "rename", "order", "purchase")
    assert 'Create it: uv run alembic revision --autogenerate -m "add purchase"' in said
    assert sorted(migrations.iterdir()) == before


def test_a_set_that_no_migration_has_created_yet_is_not_renamed(project: Project) -> None:
    project.run("resource", "change", "order", "+others:refs(item)")
    commit(project.path, "Others")
    project.run("resource", "rename", "order", "purchase")
    [migration] = (project.path / "migrations" / "versions").glob("*_rename_orders_*.py")
    assert 'rename_table("order_items", "purchase_items")' in migration.read_text()
    assert "purchase_others" not in migration.read_text()

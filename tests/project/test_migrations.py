"""Autogenerate detects every change that the grammar allows; its migrations work both ways."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from copier import VcsRef

from tests.harness.answers import ANSWERS
from tests.harness.project import MIGRATIONS, Project, render
from tests.harness.service import database
from tests.harness.template import commit
from tests.harness.updates import update

MARKED = ANSWERS["every_field_type"]["resources"]
assert isinstance(MARKED, dict)

# A field of every type gains and loses every mark, and everything else that can change does.
BEFORE = MARKED | {
    "brand": "name:str motto:text~ story:text",
    "dropped": "name:str! state:enum(a|b)=a maker:ref(maker) makers:refs(maker)",
    "thing": (
        "old_int:int old_enum:enum(a|b) old_ref:ref(maker)! old_target:ref(dropped) "
        "length:str(20) widened:str(20) number:int scale:decimal(4,2) day:date "
        "more:enum(a|b) fewer:enum(a|b|c) chosen:str free:enum(a|b) "
        "target:ref(maker) strict:ref(maker)? loose:ref(maker) changed:int=1 "
        "bounded:int unbounded:int(0..9) narrower:decimal(6,2,0..) retyped:int(0..9) "
        "old_float:float(0..1) at_least:str(20) any_length:str(1..20)"
    ),
}
AFTER = {
    "maker": MARKED["maker"],
    "plain": MARKED["optional"],
    "optional": MARKED["unique"],
    "unique": MARKED["indexed"],
    "indexed": MARKED["defaulted"],
    "defaulted": MARKED["plain"],
    "brand": "name:str~ motto:text story:text?~",
    "added": "name:str! state:enum(a|b)=a maker:ref(maker) makers:refs(maker)",
    "thing": (
        "new_int:int new_enum:enum(a|b) new_ref:ref(maker)! "
        "length:str(30) widened:text number:decimal(12,2) scale:decimal(6,4) day:datetime "
        "more:enum(a|b|c) fewer:enum(a|c) chosen:enum(a|b) free:str "
        "target:ref(brand) strict:ref(maker) loose:ref(maker)? changed:int=2 "
        "bounded:int(-5..9) unbounded:int narrower:decimal(6,2,-0.5..9) retyped:decimal(8,2,0..9) "
        "new_float:float(-0.5..0.5) at_least:str(2..20) any_length:str(20)"
    ),
}


OWN_PLACE = "        # Your own indexes and constraints go below this line.\n"
OWN_CHECK = """        sa.CheckConstraint("name NOT IN ('none', '-')", name="named"),
"""

SCHEMA = """
import asyncio, os
import asyncpg

QUERIES = [
    '''SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision,
              numeric_scale, is_nullable, column_default, generation_expression
       FROM information_schema.columns WHERE table_schema = 'public' ''',
    '''SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace''',
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
]

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    for query in QUERIES:
        for line in sorted(str(tuple(row)) for row in await connection.fetch(query)):
            print(line)

asyncio.run(main())
"""


@dataclass(frozen=True)
class Changed:
    """A project whose models have changed, and a database at the state before the change."""

    project: Project
    url: str

    def alembic(self, *command: str, code: int = 0) -> str:
        return self.project.alembic(*command, code=code, DATABASE_URL=self.url)

    def schema(self) -> str:
        return self.project.python(SCHEMA, DATABASE_URL=self.url)

    def execute(self, statement: str) -> str:
        """The rows that a statement returns, each in a line."""
        return self.project.python(ROWS, statement, DATABASE_URL=self.url)


@pytest.fixture(scope="module")
def changed(
    template: Path, default_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Changed]:
    target = tmp_path_factory.mktemp("changed") / "project"
    render(template, target, {"resource": "", "resources": BEFORE})
    project = Project(target, default_project.venv)
    with database(project) as url:
        changed = Changed(project, url)
        changed.alembic("upgrade", "head")
        update(project, VcsRef.CURRENT, {"resource": "", "resources": AFTER})
        models = target / "app" / "resources" / "brand" / "models.py"
        models.write_text(models.read_text().replace(OWN_PLACE, OWN_PLACE + OWN_CHECK))
        yield changed


def test_every_change_is_detected_migrated_and_reverted(changed: Changed) -> None:
    before = changed.schema()
    found = changed.alembic("check", code=255)
    columns = re.findall(r"(\w+):", " ".join(str(BEFORE[name]) for name in ("plain", "thing")))
    assert [name for name in columns if not re.search(rf"(\b|_){name}(_id)?\b", found)] == []
    assert "ck_brands_named" in found
    assert "ix_brands_q" in found

    suite = changed.project.pytest(MIGRATIONS, code=1)
    assert "The models have changed, and there is no migration that would\n" in suite
    assert re.search(r"\n  and \d+ more\n", suite)

    made = changed.alembic("revision", "--autogenerate", "-m", "everything")
    assert "E501" not in made
    assert sorted(re.findall(r"it adds (things\.\w+), which must not be null", made)) == [
        "things.old_enum",
        "things.old_float",
        "things.old_int",
        "things.old_ref_id",
        "things.old_target_id",
    ]
    changed.alembic("upgrade", "head")
    after = changed.schema()
    assert after != before
    changed.alembic("check")
    changed.alembic("downgrade", "-1")
    assert changed.schema() == before
    changed.alembic("upgrade", "head")
    assert changed.schema() == after

    changed.project.run("ruff", "check")
    changed.project.run("ruff", "format", "--check")
    changed.project.pytest(MIGRATIONS)


CYCLE = """

class Left(Base):
    __tablename__ = "lefts"
    right_id: Mapped[int] = mapped_column(sa.ForeignKey("rights.id", name="fk_lefts_right_id"))


class Right(Base):
    __tablename__ = "rights"
    left_id: Mapped[int] = mapped_column(sa.ForeignKey("lefts.id", name="fk_rights_left_id"))
    own_id: Mapped[int] = mapped_column(sa.ForeignKey("rights.id", name="fk_rights_own_id"))
"""


def migrate_there_and_back(changed: Changed, revision: str) -> None:
    before = changed.schema()
    changed.alembic("revision", "--autogenerate", "-m", "change", "--rev-id", revision)
    changed.alembic("upgrade", "head")
    after = changed.schema()
    changed.alembic("check")
    changed.alembic("downgrade", "-1")
    assert changed.schema() == before
    changed.alembic("upgrade", "head")
    assert changed.schema() == after != before


def test_tables_that_refer_to_each_other_come_and_go(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    without = models.read_text()
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        models.write_text(without + CYCLE)
        migrate_there_and_back(changed, "0002")
        own_project.pytest(MIGRATIONS)
        models.write_text(without)
        migrate_there_and_back(changed, "0003")


OWN_INDEXES = """        sa.Index("ix_items_where", "price", postgresql_where=sa.text("price > 1")),
        sa.Index("ix_items_using", "price"),
        sa.Index("ix_items_ops", "name"),
        sa.Index("ix_items_include", "price", postgresql_include=["name"]),
        sa.Index("ix_items_with", "price", postgresql_with={"fillfactor": 70}),
        sa.Index("ix_items_lower", sa.text("lower(name)"), postgresql_where=sa.text("id > 1")),
"""
CHANGES_OF_INDEXES = {
    "price > 1": "price > 2",
    '"ix_items_using", "price"': '"ix_items_using", "price", postgresql_using="hash"',
    '"ix_items_ops", "name"': '"ix_items_ops", "name", postgresql_ops={"name": "text_pattern_ops"}',
    '["name"]': '["description"]',
    '"fillfactor": 70': '"fillfactor": 80',
}
NEW_COLUMN = """
    deleted_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
"""


PUBLIC_ROUTER = """
from fastapi import APIRouter

from app.models import Base


class Event(Base):
    __tablename__ = "events"


router = APIRouter()
"""
MIDDLEWARE = "    # Your own middleware goes below this line.\n"


def test_a_table_that_only_the_application_imports_is_compared(own_project: Project) -> None:
    (own_project.path / "app" / "events.py").write_text(PUBLIC_ROUTER)
    main = own_project.path / "app" / "main.py"
    line = "from app.garbage_collection"
    text = main.read_text().replace(line, f"from app.events import router\n{line}")
    main.write_text(text.replace(MIDDLEWARE, MIDDLEWARE + "    app.include_router(router)\n"))
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        migrate_there_and_back(changed, "0002")
        own_project.pytest(MIGRATIONS)


def test_what_makes_an_index_special_is_compared(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    without = f"import datetime as dt\n{models.read_text()}"
    first = without.replace(OWN_PLACE, OWN_PLACE + OWN_INDEXES)
    second = first
    for old, new in CHANGES_OF_INDEXES.items():
        assert old in second
        second = second.replace(old, new)
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        models.write_text(first)
        migrate_there_and_back(changed, "0002")
        models.write_text(second)
        suite = own_project.pytest(MIGRATIONS, code=1)
        for name in ("where", "using", "ops", "include", "with"):
            assert f"  drop index ix_items_{name}\n" in suite
            assert f"  add index ix_items_{name}\n" in suite
        assert "ix_items_lower" not in suite
        migrate_there_and_back(changed, "0003")
        third = second.replace("price > 2", "deleted_at IS NULL") + NEW_COLUMN
        models.write_text(third)
        migrate_there_and_back(changed, "0004")
        own_project.pytest(MIGRATIONS)
        models.write_text(third.replace("sa.String(100)", "sa.Text()"))
        assert "_index" not in changed.alembic("check", code=255)
        models.write_text(without)
        migrate_there_and_back(changed, "0005")


OWN_COMPUTED = """
    few: Mapped[bool] = mapped_column(
        sa.Boolean(), sa.Computed("price IN (1, 2)", persisted=True), index=True
    )
    label: Mapped[str] = mapped_column(
        sa.Text(), sa.Computed("'Item ' || name || '!'", persisted=True), unique=True
    )
    gross: Mapped[int] = mapped_column(
        sa.Numeric(), sa.Computed("price * 1.19", persisted=True)
    )
    by_hand: Mapped[int] = mapped_column(sa.Integer(), server_default="1")
"""
CHANGES_OF_COMPUTED = {
    "price IN (1, 2)": "price IN (1, 3)",
    "Item ' || name": "Thing ' || name",
    "price * 1.19": "price * weight",
    'server_default="1"': 'sa.Computed("1 + 1", persisted=True)',
    OWN_COMPUTED: OWN_COMPUTED
    + """
    double: Mapped[int] = mapped_column(
        sa.Numeric(), sa.Computed("weight * 2", persisted=True), index=True
    )
    weight: Mapped[int] = mapped_column(server_default='1')
""",
}


def test_computed_columns_are_compared(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    without = models.read_text()
    first = without + OWN_COMPUTED
    second = first
    for old, new in reversed(CHANGES_OF_COMPUTED.items()):
        assert old in second
        second = second.replace(old, new)
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        models.write_text(first)
        migrate_there_and_back(changed, "0002")
        own_project.pytest(MIGRATIONS)
        models.write_text(second)
        suite = own_project.pytest(MIGRATIONS, code=1)
        assert "  drop column items.few\n" in suite
        migrate_there_and_back(changed, "0003")
        models.write_text(second.replace("sa.String(100)", "sa.Text()"))
        migrate_there_and_back(changed, "0004")
        own_project.pytest(MIGRATIONS)
        models.write_text(without)
        migrate_there_and_back(changed, "0005")


IMPORT_EXCLUSION = "from sqlalchemy.dialects.postgresql import ExcludeConstraint\n"
OWN_EXCLUSION = """        ExcludeConstraint(
            (sa.func.numrange(sa.column("price"), sa.column("price"), "[]"), "&&"),
            where=sa.text("name IN ('free:ride', 'swap') AND name NOT IN ('it''s', '-')"),
            name="ex_items_price",
        ),
"""
OWN_TABLE = """

class Stay(Base):
    __tablename__ = "order"
    __table_args__ = (
        ExcludeConstraint((sa.func.daterange(sa.column("from"), None), "&&"), name="ex_stay"),
    )
    start: Mapped[dt.date] = mapped_column("from")
"""


def test_exclusions_come_change_and_go(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    without = f"import datetime as dt\n{IMPORT_EXCLUSION}{models.read_text()}"
    constraint = without.replace(OWN_PLACE, OWN_PLACE + OWN_EXCLUSION)
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        models.write_text(constraint)
        suite = own_project.pytest(MIGRATIONS, code=1)
        assert "  add constraint ex_items_price\n" in suite
        migrate_there_and_back(changed, "0002")
        assert "WITH &&" in changed.schema()
        own_project.pytest(MIGRATIONS)
        models.write_text(constraint.replace("free:ride", "gift"))
        assert "drop_constraint" in changed.alembic("check", code=255)
        migrate_there_and_back(changed, "0003")
        models.write_text(without + OWN_TABLE)
        migrate_there_and_back(changed, "0004")
        models.write_text(without)
        migrate_there_and_back(changed, "0005")


def test_an_exclusion_that_needs_an_extension_is_found_without_it(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    own = """        ExcludeConstraint(("name", "="), name="ex_items_name", using="gist"),\n"""
    models.write_text(IMPORT_EXCLUSION + models.read_text().replace(OWN_PLACE, OWN_PLACE + own))
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        changed.alembic("revision", "--autogenerate", "-m", "names", "--rev-id", "0002")
        migration = own_project.path / "migrations" / "versions" / "0002_names.py"
        begin = "    # ### commands auto generated by Alembic - please adjust! ###\n"
        up, down = migration.read_text().split("def downgrade")
        extension = '    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")\n'
        migration.write_text(f"{up.replace(begin, begin + extension)}def downgrade{down}")
        changed.alembic("upgrade", "head")
        changed.alembic("check")
        own_project.pytest(MIGRATIONS)


def with_table(project: Project, url: str, line: str) -> Changed:
    """The project with one more resource, whose table the second migration creates."""
    project.run("resource", "add", line)
    changed = Changed(project, url)
    changed.alembic("upgrade", "head")
    changed.alembic("revision", "--autogenerate", "-m", "add", "--rev-id", "0002")
    changed.alembic("upgrade", "head")
    commit(project.path, "One more resource")
    return changed


RENAMING = """
from migrations.renames import rename_column

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rename_column("mail_codes", "mail", "address")
    rename_column("mail_codes", "code_id", "owner_id")
    rename_column("mail_codes", "watt", "power")


def downgrade() -> None:
    rename_column("mail_codes", "power", "watt")
    rename_column("mail_codes", "owner_id", "code_id")
    rename_column("mail_codes", "address", "mail")
"""


def test_a_renamed_column_takes_along_what_is_its_own(own_project: Project) -> None:
    """And nothing of columns with similar names, or of the table whose name has the column's."""
    others = "mail_kind:enum(a|b)* last_mail:int(1..)! mails:int(0..9)*"
    line = f"mail_code mail:str(20)! code:ref(item) watt:int(1..)* {others}"
    with database(own_project) as url:
        changed = with_table(own_project, url, line)
        change = "-mail -code -watt +address:str(20)! +owner:ref(item) +power:int(1..)*"
        said = own_project.run("resource", "change", f"mail_code {change}")
        assert "use rename_column of migrations/renames.py in the migration instead" in said
        before = changed.schema()
        (own_project.path / "migrations" / "versions" / "0003_rename.py").write_text(RENAMING)
        changed.alembic("upgrade", "head")
        after = changed.schema()
        changed.alembic("check")
        for name in ("uq_mail_codes_address", "fk_mail_codes_owner_id", "ck_mail_codes_mail_kind"):
            assert name in after
        assert "address_codes" not in after
        changed.alembic("downgrade", "-1")
        assert changed.schema() == before
        own_project.pytest(MIGRATIONS)


ROWS = """
import asyncio, os, sys
import asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    for row in await connection.fetch(sys.argv[1]):
        print(*row)

asyncio.run(main())
"""


TO_INTEGER = re.compile(
    r'("lamps",\s+"(\w+)",(?:(?!op\.).)*?type_=sa\.(?i:integer)\(\),)', re.DOTALL
)


def test_a_column_with_a_default_gets_a_type_of_another_kind(own_project: Project) -> None:
    columns = "SELECT code, watt, colour, size FROM lamps"
    with database(own_project) as url:
        changed = with_table(own_project, url, "lamp code:int=1 watt:str=60 colour:str=7 size:int")
        changed.execute("INSERT INTO lamps (code, watt, size) VALUES (2, '40', 3)")
        before = changed.schema()
        change = "lamp code:str(20)=one watt:int=60 colour:int size:str=small"
        own_project.run("resource", "change", change)
        suite = own_project.pytest(MIGRATIONS, code=1)
        assert "  change default of lamps.code\n" in suite
        changed.alembic("revision", "--autogenerate", "-m", "types", "--rev-id", "0003")
        migration = own_project.path / "migrations" / "versions" / "0003_types.py"
        using = r'\1 postgresql_using="\2::integer",'
        text, count = TO_INTEGER.subn(using, migration.read_text())
        assert count == 4
        migration.write_text(text)
        changed.alembic("upgrade", "head")
        after = changed.schema()
        assert changed.execute(columns) == "2 40 7 3\n"
        changed.alembic("check")
        changed.alembic("downgrade", "-1")
        assert changed.schema() == before
        assert changed.execute(columns) == "2 40 7 3\n"
        changed.alembic("upgrade", "head")
        assert changed.schema() == after
        own_project.pytest(MIGRATIONS)


IN_OTHER_SCHEMA = """

class Account(Base):
    __tablename__ = "items"
    __table_args__ = (sa.CheckConstraint("total >= 0", "total"), {"schema": "billing"})
    total: Mapped[int]
    entry_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("billing.entries.id", name="fk_items_entry_id")
    )


class Entry(Base):
    __tablename__ = "entries"
    __table_args__ = {"schema": "billing"}
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("items.id"))
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("billing.items.id"))


class Plan(Base):
    __tablename__ = "plans"
    __table_args__ = {"schema": "billing"}
    name: Mapped[str]
"""

LOSS = """
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM billing.plans")
    op.execute("DELETE FROM billing.entries")


def downgrade() -> None:
    pass
"""


def test_tables_in_another_schema_are_compared_and_tested(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    versions = own_project.path / "migrations" / "versions"
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        models.write_text(models.read_text() + IN_OTHER_SCHEMA)
        suite = own_project.pytest(MIGRATIONS, code=1)
        assert "  add table billing.items\n" in suite
        changed.alembic("revision", "--autogenerate", "-m", "billing", "--rev-id", "0002")
        migration = versions / "0002_billing.py"
        begin = "    # ### commands auto generated by Alembic - please adjust! ###\n"
        end = "    # ### end Alembic commands ###\n"
        up, down = migration.read_text().split("def downgrade")
        migration.write_text(
            up.replace(begin, begin + '    op.execute("CREATE SCHEMA billing")\n')
            + "def downgrade"
            + down.replace(end, '    op.execute("DROP SCHEMA billing")\n' + end)
        )
        changed.alembic("upgrade", "head")
        changed.alembic("check")
        changed.alembic("downgrade", "-1")
        own_project.pytest(MIGRATIONS)
        own_project.run("ruff", "check")
        (versions / "0003_loss.py").write_text(LOSS)
        suite = own_project.pytest(MIGRATIONS, code=1)
        assert "{'billing.entries': 0, 'billing.plans': 0}" in suite


OF_OTHER_TYPES = """

class Point(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "point"


class Place(Base):
    __tablename__ = "places"
    at: Mapped[str] = mapped_column(Point())
    former: Mapped[list[str]] = mapped_column(sa.ARRAY(Point()))
"""


def test_types_that_sqlalchemy_does_not_know_are_tested(own_project: Project) -> None:
    models = own_project.path / "app" / "resources" / "item" / "models.py"
    with database(own_project) as url:
        changed = Changed(own_project, url)
        changed.alembic("upgrade", "head")
        models.write_text(models.read_text() + OF_OTHER_TYPES)
        changed.alembic("revision", "--autogenerate", "-m", "places", "--rev-id", "0002")
        own_project.run("ruff", "check", "migrations")
        own_project.run("ruff", "format", "--check", "migrations")
        own_project.pytest(MIGRATIONS)
        models.write_text(models.read_text().replace('"places"', '"other_places"'))
        suite = own_project.pytest(MIGRATIONS, code=1)
        assert "  drop table places\n" in suite

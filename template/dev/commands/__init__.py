"""The commands of `uv run`; pyproject.toml lists them under [project.scripts].

dev.py        `uv run dev`; seeds.py has the rows for a new development database
console.py    `uv run console`
resource.py   `uv run resource`; resource_lines.py has the lines that describe resources
feature.py    `uv run feature`
template.py   `uv run template`
rename_migration.py, feature_migration.py  the migrations that commands write, by new_migration.py
report.py     what an update did, as the three commands before print it
project.py    the project in which a command runs
database.py   its development database, also for `uv run alembic`
"""

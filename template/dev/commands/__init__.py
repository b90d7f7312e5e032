"""The commands of `uv run`; pyproject.toml lists them under [project.scripts].

dev.py        `uv run dev`
resource.py   `uv run resource`
project.py    the project in which a command runs
database.py   its development database, also for `uv run alembic`
update.py     an update from the template, as part of a command
"""

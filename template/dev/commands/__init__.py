"""The commands of `uv run`, one a module; pyproject.toml names them under [project.scripts]."""

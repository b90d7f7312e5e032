"""The template's tools for developing and testing the service. There is nothing to do here.

It imports neither `app` nor `tests`: `tests/fixtures/` passes it what belongs to the service.

    postgres/     an embedded PostgreSQL server, and the process that guards it
    databases/    the template database and its clones
    sandbox/      one connection that undoes everything a test did
    isolation.py  which database the engine of a test leads to
    plugin.py     the options, hooks and marker of pytest
    commands/     `uv run dev`, `uv run resource`
"""

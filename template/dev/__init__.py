"""Tools for developing and testing the service. They belong to the template: change nothing here.

They import neither `app` nor `tests`: `tests/fixtures/` passes them what they need of the service.

    postgres/     an embedded PostgreSQL server, and the process that guards it
    databases/    the template database and its copies
    sandbox/      one connection that undoes everything that a test did
    isolation.py  which database the engine of a test connects to
    lifespan.py   starts and stops the application as a server does
    pools.py      the connections that pools of other engines keep from test to test
    sockets.py    the way to other machines, closed while tests run
    asgi.py       calls the application as a server does; websocket.py does so for WebSockets
    plugin/       pytest's options, marker and hooks
    commands/     `uv run dev`, `resource`, `feature`, `template` and the like
    template/     updates from the template, which these commands make
"""

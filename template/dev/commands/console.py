"""`uv run console`: a Python console with the models, and a session, in which `await` works."""

import argparse
import ast
import asyncio
import inspect
import os
import sys
from code import InteractiveConsole
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pkgutil import resolve_name
from types import CodeType, FunctionType
from typing import Any

import sqlalchemy
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from dev.commands.database import development_server
from dev.commands.project import Project, ProjectError, find_project
from dev.commands.report import discard_output
from dev.lifespan import started
from dev.postgres import PostgresError

BANNER = """\
{names}
`session` writes each statement at once, as psql does: await session.scalar(select(...))"""


class AsyncConsole(InteractiveConsole):
    """A console in which `await` works at the top level, as in `python -m asyncio`."""

    def __init__(self, names: dict[str, Any], runner: asyncio.Runner) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._names = names
        self._runner = runner

    def runcode(self, code: CodeType) -> None:
        try:
            result = FunctionType(code, self._names)()
            if inspect.iscoroutine(result):
                self._runner.run(result)
        except (SystemExit, BrokenPipeError):
            raise
        except BaseException:  # InteractiveConsole goes on after all others, too
            self.showtraceback()


def main() -> None:
    """Run the console until its input ends; exits with an error message if it cannot start."""
    argparse.ArgumentParser(
        prog="console",
        description="A Python console with the service's models and a session, on the database of "
        "DATABASE_URL, or else the development database.",
    ).parse_args()
    try:
        project = find_project()
        os.chdir(project.folder)  # Where the settings look for `.env`.
        with database_url(project) as url, asyncio.Runner() as runner:
            os.environ["DATABASE_URL"] = url
            interact(project, runner)
        sys.stdout.flush()  # else a reader who has left is noticed after `main`
    except ValidationError as error:
        sys.exit(f"The settings, from the environment and .env, are invalid. {error}")
    except (ProjectError, PostgresError) as error:
        sys.exit(str(error))
    except BrokenPipeError:
        discard_output()


@contextmanager
def database_url(project: Project) -> Iterator[str]:
    configured = project.load_settings().database_url
    if configured is not None:
        yield configured.get_secret_value()
    else:
        with development_server(project) as server:
            yield server.url


def interact(project: Project, runner: asyncio.Runner) -> None:
    """Start the application, let the user type, and stop it."""
    stack = AsyncExitStack()
    try:
        names = runner.run(start(project, stack))
        with suppress(ImportError):  # Windows has no readline.
            import readline  # noqa: F401, PLC0415  (it lets `input` edit lines)
        banner = BANNER.format(names=", ".join(names))
        AsyncConsole(names, runner).interact(banner, exitmsg="")
    finally:
        runner.run(stack.aclose())


async def start(project: Project, stack: AsyncExitStack) -> dict[str, Any]:
    """Start the application until the stack is closed; return what the console knows."""
    app = resolve_name(project.app)()
    await stack.enter_async_context(started(app))
    # No transaction stays open while the user thinks, and each read is fresh. With the feature
    # tenancy, the session acts for no tenant.
    session = AsyncSession(
        app.state.engine.execution_options(isolation_level="AUTOCOMMIT", all_tenants=True),
        expire_on_commit=False,
        execution_options={"populate_existing": True},
    )
    await stack.enter_async_context(session)
    mappers = resolve_name(project.models).registry.mappers
    models = {mapper.class_.__name__: mapper.class_ for mapper in mappers}
    return {"app": app, "session": session, "select": sqlalchemy.select, **models}


if __name__ == "__main__":
    main()

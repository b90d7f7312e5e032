"""The generated tests of a service pass with middleware of its own."""

from tests.harness.project import Project

PLACE = "    # Your own middleware goes below this line.\n"
OWN = """    app.add_middleware(Timing)
"""
FUNCTION = """
    @app.middleware("http")
    async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)
"""
MODULE = '''"""Says how long each response has taken."""

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Timing:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Server-Timing"] = f"app;dur={time.perf_counter()}"
            await send(message)

        await self.app(scope, receive, send_with_time)
'''


def test_each_response_may_have_a_header_of_its_own(own_project: Project) -> None:
    main = own_project.path / "app" / "main.py"
    main.write_text(
        main.read_text()
        .replace(PLACE, PLACE + OWN)
        .replace("from app.settings", "from app.timing import Timing\nfrom app.settings")
    )
    (own_project.path / "app" / "timing.py").write_text(MODULE)
    own_project.pytest("-k", "head")


def test_it_may_be_a_function_which_makes_a_stream_of_each_response(own_project: Project) -> None:
    main = own_project.path / "app" / "main.py"
    main.write_text(
        main.read_text()
        .replace(PLACE, PLACE + FUNCTION)
        .replace("import FastAPI", "import FastAPI, Request, Response")
        .replace(
            "from starlette.types",
            "from starlette.middleware.base import RequestResponseEndpoint\nfrom starlette.types",
        )
    )
    own_project.pytest()

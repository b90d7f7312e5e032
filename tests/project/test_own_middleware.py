"""The generated tests of a service pass with middleware of its own."""

import pytest

from tests.harness.project import Project

PLACE = "    # Your own middleware goes below this line.\n"
OWN = {
    "asgi": "    app.add_middleware(Timing)\n",
    "http": """
    @app.middleware("http")
    async def add_header(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["X-Service"] = TITLE
        return response
""",
}
IMPORTS = """from fastapi import Request, Response
from starlette.middleware.base import RequestResponseEndpoint
from app.timing import Timing
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


@pytest.mark.parametrize("own", OWN.values(), ids=OWN.keys())
def test_each_response_may_have_a_header_of_its_own(own_project: Project, own: str) -> None:
    main = own_project.path / "app" / "main.py"
    main.write_text(
        main.read_text()
        .replace(PLACE, PLACE + own)
        .replace("from app.settings", f"{IMPORTS}from app.settings")
    )
    (own_project.path / "app" / "timing.py").write_text(MODULE)
    own_project.pytest("tests/api", "tests/unit")

import json
import logging
from collections.abc import Iterator
from unittest.mock import AsyncMock

import pytest
from fastapi import APIRouter, FastAPI, Response
from httpx import ASGITransport, AsyncClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from app.log_format import make_formatter
from app.main import create_app
from app.request_logging import RequestLog
from app.settings import Settings


@pytest.fixture
def quiet_app() -> FastAPI:
    app = create_app(Settings(_env_file=None, database_url=SecretStr("postgresql://u@db/none")))

    @app.get("/test-crash/{name}")
    async def crash(name: str) -> None:
        logging.getLogger("app.own").warning("crashing", extra={"name_length": len(name)})
        raise RuntimeError("crashed")

    included = APIRouter()

    @included.get("")
    async def answer() -> None: ...

    app.include_router(included, prefix="/test-included/{name}")
    mounted = FastAPI()
    mounted.include_router(included, prefix="/inner/{name}")
    app.mount("/test-mounted", mounted)
    return app


@pytest.fixture
def client(quiet_app: FastAPI) -> AsyncClient:
    transport = ASGITransport(quiet_app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the service's loggers write in production."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    written: list[str] = []
    handler = Lines()
    handler.setFormatter(make_formatter("production"))
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def test_a_request_is_one_line_with_its_route(client: AsyncClient, lines: list[str]) -> None:
    await client.get("/test-crash/secret?token=secret")
    own, request = map(json.loads, lines)
    assert (request["method"], request["status"]) == ("GET", 500)
    assert request["route"] == "/test-crash/{name}"
    assert request["message"] == "GET /test-crash/{name} 500"
    assert request["level"] == "error"
    assert 0 <= request["duration_ms"] < 60_000
    assert request["timestamp"].endswith("Z")
    assert own["request_id"] == request["request_id"]
    assert (own["message"], own["logger"], own["name_length"]) == ("crashing", "app.own", 6)
    assert "secret" not in "".join(lines)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_route_begins_with_the_prefix_that_its_router_was_included_with(
    client: AsyncClient, lines: list[str], method: str
) -> None:
    assert (await client.request(method, "/test-included/secret")).status_code == 200
    [line] = lines
    assert json.loads(line)["route"] == "/test-included/{name}"


@pytest.mark.parametrize("root_path", ["", "/behind-a-proxy"])
async def test_a_route_begins_with_the_path_that_its_application_is_mounted_at(
    quiet_app: FastAPI, lines: list[str], root_path: str
) -> None:
    transport = ASGITransport(quiet_app, root_path=root_path)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        url = f"{root_path}/test-mounted/inner/secret"
        assert (await client.get(url)).status_code == 200
    [line] = lines
    assert json.loads(line)["route"] == "/test-mounted/inner/{name}"


async def test_a_path_without_a_route_is_logged_as_it_was_sent(
    client: AsyncClient, lines: list[str]
) -> None:
    await client.get("/no%0Asuch?token=secret")
    [line] = lines
    assert json.loads(line)["path"] == "/no%0Asuch"
    assert "secret" not in line


async def test_a_client_that_left_is_logged_with_its_path_as_text(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave(_: Scope, __: Receive, ___: Send) -> None:
        pass

    times = iter([1, 1.25017])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    scope = {"type": "http", "method": "GET", "raw_path": b"/\xff", "query_string": b""}
    await RequestLog(leave)(scope | {"headers": []}, AsyncMock(), AsyncMock())
    request = json.loads(lines[0])
    assert (request["status"], request["level"]) == (499, "info")
    assert (request["path"], request["duration_ms"]) == ("/\\xff", 250.2)


async def test_the_span_of_a_request_has_no_values_of_its_query(client: AsyncClient) -> None:
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    with tracers.get_tracer("test").start_as_current_span("the span that FastAPI makes"):
        await client.get("/health/live?token=secret&empty=")
    [span] = exporter.get_finished_spans()
    assert span.attributes == {"url.query": "token=REDACTED&empty=REDACTED"}


async def test_health_checks_are_not_logged(client: AsyncClient, lines: list[str]) -> None:
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.head("/health/live")).status_code == 200
    assert lines == []


@pytest.mark.parametrize("path", ["/test-crash/me", "/health/live", "/no/such/path"])
async def test_an_id_is_taken_from_the_request_and_given_in_the_response(
    client: AsyncClient, path: str
) -> None:
    response = await client.get(path, headers={"X-Request-ID": "from-the-proxy.1"})
    assert response.headers["X-Request-ID"] == "from-the-proxy.1"


@pytest.mark.parametrize("sent", ["", "two words", "x" * 129, "a\tb"])
async def test_an_id_that_could_forge_logs_is_replaced(client: AsyncClient, sent: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": sent})
    assert len(response.headers["X-Request-ID"]) == 32


async def test_a_response_has_only_the_id_of_the_logs(
    quiet_app: FastAPI, client: AsyncClient
) -> None:
    @quiet_app.get("/test-own-id")
    async def answer(response: Response) -> None:
        response.headers["X-Request-ID"] = "another"

    sent = {"X-Request-ID": "from-the-proxy.1"}
    response = await client.get("/test-own-id", headers=sent)
    assert response.headers.get_list("X-Request-ID") == ["from-the-proxy.1"]


async def test_requests_without_an_id_get_different_ones(client: AsyncClient) -> None:
    responses = [await client.get("/health/live") for _ in range(2)]
    assert len({response.headers["X-Request-ID"] for response in responses}) == 2


def test_in_production_an_exception_is_one_line() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "failed %d", (7,), info)
    line = make_formatter("production").format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "failed 7"
    assert "RuntimeError: first" in json.loads(line)["exception"]


def test_in_development_logs_are_for_people() -> None:
    record = logging.LogRecord("app.own", logging.INFO, "", 1, "paid", (), None)
    record.__dict__ |= {"order": 7, "color_message": "for uvicorn"}
    line = make_formatter("development").format(record)
    assert all(word in line for word in ("info", "paid", "app.own", "order=7"))
    assert "uvicorn" not in line


async def test_the_server_has_no_query_of_a_websocket_to_log() -> None:
    seen: list[bytes] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["query_string"])

    scope = {"type": "websocket", "path": "/chat", "query_string": b"token=secret"}
    await RequestLog(app)(scope, AsyncMock(), AsyncMock())
    assert seen == [b"token=secret"]
    assert scope == {"type": "websocket", "path": "/chat", "query_string": b""}

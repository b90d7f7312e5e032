"""What a service sends to an OpenTelemetry collector."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.harness.processes import eventually
from tests.harness.project import Command, Project
from tests.harness.servers import Server
from tests.harness.service import SETTINGS, open_client, start

EXPORTER = "opentelemetry-exporter-otlp-proto-http"


@dataclass
class Collector:
    """An OTLP receiver on loopback."""

    url: str
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    """The latest value of each metric, by its name."""

    def receive(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for traced in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for scope in traced.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in measured.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}

    def span(self, name: str) -> Span | None:
        return next((span for span in self.spans if span.name == name), None)

    def values(self, histogram: str, attribute: str) -> set[str]:
        """The values of an attribute in a histogram."""
        if histogram not in self.metrics:
            return set()
        points = self.metrics[histogram].histogram.data_points
        return {attributes(point)[attribute] for point in points}


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.receive(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield received
        server.shutdown()
        thread.join()


@contextmanager
def observed(
    project: Project, database_url: str, collector: Collector
) -> Iterator[tuple[httpx.Client, Command]]:
    """The service with the exporter that its user adds, which sends what it has ten times a
    second."""
    variables = SETTINGS | {
        "DATABASE_URL": database_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
    }
    uvicorn = ("python", "-m", "uvicorn", "--factory", "app.main:create_app", "--port", "0")
    with project.start("--with", EXPORTER, *uvicorn, **variables) as command:
        url = command.wait_for(r"running on (http://\S+)")
        with open_client(url) as client:
            yield client, command


def attributes(of: Any) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in of.attributes}


def test_traces_and_metrics_of_requests_and_of_the_database(
    default_project: Project, postgres: Server, collector: Collector
) -> None:
    with observed(default_project, postgres.url, collector) as (client, command):
        created = client.post("/items", json={"name": "traced"}).raise_for_status()
        client.get("/items", params={"name": "traced"}).raise_for_status()
        assert client.get("/items/0").status_code == 422
        assert client.get("/health/ready").status_code == 200
        assert client.get(created.headers["location"]).status_code == 200
        # The request that came last has the only SELECT.
        assert eventually(lambda: collector.span("GET /items/{id}") is not None)
        durations = "db.client.operation.duration", "db.operation.name"
        assert eventually(lambda: "SELECT" in collector.values(*durations))
        log = command.output()

    assert not any("health" in span.name for span in collector.spans)
    listed = collector.span("GET /items")
    assert listed is not None
    assert listed.kind == Span.SPAN_KIND_SERVER
    assert attributes(listed)["url.query"] == "name=REDACTED"
    [statement] = [
        span
        for span in collector.spans
        if span.trace_id == listed.trace_id and span.kind == Span.SPAN_KIND_CLIENT
    ]
    assert statement.name == "WITH postgres"
    assert "FROM items" in attributes(statement)["db.query.text"]
    sent = b"".join(span.SerializeToString() for span in collector.spans)
    assert b"traced" not in sent

    routes = collector.values("http.server.request.duration", "http.route")
    assert {"/items", "/items/{id}"} <= routes
    assert {"INSERT", "SELECT", "WITH"} <= collector.values(*durations)
    pool = collector.metrics["db.client.connection.count"].sum.data_points
    states = {attributes(point)["db.client.connection.state"]: point.as_int for point in pool}
    assert states.keys() == {"used", "idle"}
    assert sum(states.values()) >= 1

    [line] = [line for line in log.splitlines() if '"GET /items 200"' in line]
    assert json.loads(line)["trace_id"] == listed.trace_id.hex()


def test_without_an_exporter_the_service_says_so_and_works(
    default_project: Project, postgres: Server, collector: Collector
) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with start(default_project, postgres.url, **endpoint) as (client, command):
        assert client.get("/health/ready").status_code == 200
        assert "fastapi[opentelemetry]" in command.output()
    assert (collector.spans, collector.metrics) == ([], {})

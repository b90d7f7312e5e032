"""What OpenTelemetry gets to know of the database."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app import database_telemetry
from tests.fixtures.engine import Connect

CAST_TO_INT = text("SELECT CAST(CAST(:value AS text) AS int)")


@dataclass
class Telemetry:
    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader

    def points(self, name: str, unit: str) -> list[Any]:
        """The data points of the metric of this name and unit."""
        data = self.metrics.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if (metric.name, metric.unit) == (name, unit)
            for point in metric.data.data_points
        ]

    def durations(self) -> list[Any]:
        return self.points("db.client.operation.duration", "s")

    def connections(self) -> dict[str, int]:
        """The connections of the pool, by their state."""
        return {
            str(point.attributes["db.client.connection.state"]): point.value
            for point in self.points("db.client.connection.count", "{connection}")
            if point.attributes["db.client.connection.pool.name"] == "app"
        }


@pytest.fixture
def pool_timeout() -> float:
    """Seconds that a test waits for a connection, at most."""
    return 30


@pytest.fixture
async def observed(
    engine: AsyncEngine, connect: Connect, pool_timeout: float
) -> AsyncIterator[AsyncEngine]:
    """An engine of the test's own, so that nobody observes that of others."""
    observed = create_async_engine(
        "postgresql+asyncpg://db.test:5432/shop",
        async_creator=connect,
        pool_size=2,
        max_overflow=0,
        pool_timeout=pool_timeout,
    )
    yield observed
    await observed.dispose()


@pytest.fixture
def telemetry(observed: AsyncEngine) -> Telemetry:
    telemetry = Telemetry(InMemorySpanExporter(), InMemoryMetricReader())
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(telemetry.spans))
    meters = MeterProvider(metric_readers=[telemetry.metrics])
    database_telemetry.observe(observed, tracers, meters)
    return telemetry


async def test_a_statement_is_a_span_without_its_parameters(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    async with observed.connect() as connection:
        await connection.execute(text("SELECT CAST(:secret AS text)"), {"secret": "of a person"})
    [span] = telemetry.spans.get_finished_spans()
    assert (span.name, span.kind) == ("SELECT shop", SpanKind.CLIENT)
    assert span.attributes == {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "db.operation.name": "SELECT",
        "db.query.text": "SELECT CAST($1 AS text)",
        "server.address": "db.test",
        "server.port": 5432,
    }
    [duration] = telemetry.durations()
    assert (duration.count, duration.attributes["db.operation.name"]) == (1, "SELECT")
    assert 0 < duration.sum < 60
    assert duration.explicit_bounds == database_telemetry.SECONDS


async def test_a_statement_may_span_lines(observed: AsyncEngine, telemetry: Telemetry) -> None:
    async with observed.connect() as connection:
        await connection.execute(text("\n  select\n1"))
    [span] = telemetry.spans.get_finished_spans()
    assert span.name == "SELECT shop"


async def test_what_fails_after_a_statement_makes_no_second_one(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    @event.listens_for(observed.sync_engine, "after_cursor_execute")
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of a listener")

    with pytest.raises(RuntimeError, match="of a listener"):
        async with observed.connect() as connection:
            await connection.execute(text("SELECT 1"))
    [duration] = telemetry.durations()
    assert (duration.count, duration.attributes.get("error.type")) == (1, None)


async def test_an_error_is_its_code_without_its_message(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    with pytest.raises(DBAPIError, match="secret"):
        async with observed.connect() as connection:
            await connection.execute(CAST_TO_INT, {"value": "secret"})
    [span] = telemetry.spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "22P02"
    assert not span.status.is_ok
    assert "secret" not in span.to_json()
    [duration] = telemetry.durations()
    assert duration.attributes["error.type"] == "22P02"


async def test_a_statement_that_is_cancelled_is_a_span(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    with pytest.raises(TimeoutError):
        async with observed.connect() as connection, asyncio.timeout(0.05):
            await connection.execute(text("SELECT pg_sleep(10)"))
    [span] = telemetry.spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "CancelledError"


async def test_connections_in_use_and_idle_are_counted(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    assert telemetry.connections() == {"used": 0, "idle": 0}
    async with observed.connect(), observed.connect():
        assert telemetry.connections() == {"used": 2, "idle": 0}
    assert telemetry.connections() == {"used": 0, "idle": 2}


async def test_the_wait_for_a_connection_is_measured(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        async with observed.connect():
            pass

    async with observed.connect(), observed.connect():
        waiting = asyncio.create_task(wait())
        await begun.wait()
        await asyncio.sleep(0.03)
    await waiting
    [waits] = telemetry.points("db.client.connection.wait_time", "s")
    assert waits.attributes == {"db.client.connection.pool.name": "app"}
    assert waits.explicit_bounds == database_telemetry.SECONDS
    assert waits.count == 3
    assert 0.02 < waits.max < 60


async def test_waits_are_measured_in_the_pool_that_follows_another(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    await observed.dispose()
    async with observed.execution_options(isolation_level="AUTOCOMMIT").connect():
        pass
    [waits] = telemetry.points("db.client.connection.wait_time", "s")
    assert waits.count == 1


@pytest.mark.parametrize("pool_timeout", [0.05])
async def test_waits_that_the_pool_gives_up_are_counted(
    observed: AsyncEngine, telemetry: Telemetry
) -> None:
    async with observed.connect(), observed.connect():
        with pytest.raises(PoolTimeoutError):
            await observed.connect()
    [timeouts] = telemetry.points("db.client.connection.timeouts", "{timeout}")
    assert timeouts.value == 1
    [waits] = telemetry.points("db.client.connection.wait_time", "s")
    assert waits.count == 2


def test_it_is_off_until_the_environment_or_code_configures_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    assert not database_telemetry.is_on()
    with monkeypatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
        assert database_telemetry.is_on()
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    assert database_telemetry.is_on()

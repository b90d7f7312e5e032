"""Traces and metrics of the database, by OpenTelemetry; FastAPI has those of requests.

Both are off until a variable such as OTEL_EXPORTER_OTLP_ENDPOINT is set, or code has configured
OpenTelemetry. Names are those of its semantic conventions. The parameters of statements are never
recorded, nor are the messages of errors, which contain them.
"""

import os
import time
from collections.abc import Iterable
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import SpanKind, StatusCode, TracerProvider
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

POOL = {"db.client.connection.pool.name": "app"}

UNDER_WAY = "telemetry_under_way"
"""The attribute of a statement's context that holds its span and when it was sent."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def is_on() -> bool:
    """Whether a variable is set, or code has set a provider of traces, as Logfire does."""
    if any(name.startswith("OTEL_") for name in os.environ):
        return True
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def observe(
    engine: AsyncEngine,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Record each statement of `engine` and the use of its pool, by default for the global
    providers, which FastAPI has configured when the lifespan begins."""
    meter = metrics.get_meter(__name__, meter_provider=meter_provider)
    _observe_statements(engine, trace.get_tracer(__name__, tracer_provider=tracer_provider), meter)
    _observe_pool(engine, meter)
    _observe_waiting(engine, meter)


def _observe_statements(engine: AsyncEngine, tracer: trace.Tracer, meter: metrics.Meter) -> None:
    url = engine.url
    named = {
        "db.system.name": "postgresql",
        "db.namespace": url.database,
        "server.address": url.host,
        "server.port": url.port,
    }
    common = {name: value for name, value in named.items() if value is not None}
    durations = meter.create_histogram(
        "db.client.operation.duration",
        unit="s",
        description="Duration of statements.",
        explicit_bucket_boundaries_advisory=SECONDS,
    )

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def start(
        _: Any, __: Any, statement: str, ___: Any, context: ExecutionContext, ____: bool
    ) -> None:
        attributes = common | {"db.operation.name": _operation(statement)}
        span = tracer.start_span(
            f"{attributes['db.operation.name']} {url.database or ''}".rstrip(),
            kind=SpanKind.CLIENT,
            attributes=attributes | {"db.query.text": statement},
        )
        setattr(context, UNDER_WAY, (span, time.perf_counter(), attributes))

    def end(context: ExecutionContext | None, error: str | None = None) -> None:
        under_way = getattr(context, UNDER_WAY, None)
        if under_way is None:
            return
        setattr(context, UNDER_WAY, None)
        span, started, attributes = under_way
        if error is not None:
            attributes = attributes | {"error.type": error}
            span.set_attribute("error.type", error)
            span.set_status(StatusCode.ERROR)
        durations.record(time.perf_counter() - started, attributes)
        span.end()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def succeed(
        _: Any, __: Any, ___: str, ____: Any, context: ExecutionContext, _____: bool
    ) -> None:
        end(context)

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(exception: ExceptionContext) -> None:
        error = exception.original_exception
        code = getattr(error, "sqlstate", None)
        end(exception.execution_context, code or type(error).__qualname__)


def _observe_pool(engine: AsyncEngine, meter: metrics.Meter) -> None:
    def count(_: CallbackOptions) -> Iterable[Observation]:
        pool = engine.pool  # another one after `dispose`
        if isinstance(pool, QueuePool):
            state = "db.client.connection.state"
            yield Observation(pool.checkedout(), POOL | {state: "used"})
            yield Observation(pool.checkedin(), POOL | {state: "idle"})

    meter.create_observable_up_down_counter(
        "db.client.connection.count",
        callbacks=[count],
        unit="{connection}",
        description="Connections of the pool, by their state.",
    )


def _observe_waiting(engine: AsyncEngine, meter: metrics.Meter) -> None:
    waits = meter.create_histogram(
        "db.client.connection.wait_time",
        unit="s",
        description="Time it took to get a connection from the pool.",
        explicit_bucket_boundaries_advisory=SECONDS,
    )
    timeouts = meter.create_counter(
        "db.client.connection.timeouts",
        unit="{timeout}",
        description="Attempts to get a connection that the pool has given up.",
    )

    @event.listens_for(engine.sync_engine, "engine_disposed")
    def observe_pool(engine: Engine) -> None:
        connect = engine.pool.connect

        def connect_in_time() -> PoolProxiedConnection:
            started = time.perf_counter()
            try:
                connection = connect()
            except PoolTimeoutError:
                timeouts.add(1, POOL)
                raise
            waits.record(time.perf_counter() - started, POOL)
            return connection

        # SQLAlchemy has events when a connection is there, and none when the wait for it begins.
        # So the method itself is replaced, which mypy does not allow without a word.
        engine.pool.connect = connect_in_time  # type: ignore[method-assign]

    observe_pool(engine.sync_engine)


def _operation(statement: str) -> str:
    return statement.lstrip().partition(" ")[0].partition("\n")[0].upper()

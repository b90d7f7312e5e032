"""One format for all logs: JSON in production, lines for people in development.

It applies to all loggers of the standard library, yours included, and has what `extra` adds:
`logging.getLogger(__name__).info("paid", extra={"order": 7})`.
"""

import json
import logging
import sys
from typing import Literal

import structlog
from opentelemetry import trace
from structlog.types import EventDict, WrappedLogger

Environment = Literal["development", "production"]

JSON = json.JSONEncoder(default=str)
"""Made once: `json.dumps` would make one for each log."""


def configure(environment: Environment, level: str) -> None:
    """Write logs to stderr: the service's own from `level` on, warnings of all others.

    Does nothing if the root logger has handlers already, such as those of pytest.
    """
    if logging.root.handlers:
        return
    # No log shows these, and to look them up takes time: "Optimization" in Python's Logging HOWTO.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    handler.setFormatter(make_formatter(environment))
    logging.root.addHandler(handler)
    logging.getLogger("app").setLevel(level)
    # The server has configured its loggers by now.
    logging.getLogger("uvicorn").handlers.clear()
    logging.getLogger("uvicorn").propagate = True
    logging.getLogger("uvicorn.access").handlers.clear()  # app.request_logging takes its place


def make_formatter(environment: Environment) -> logging.Formatter:
    output: list[structlog.types.Processor]
    if environment == "production":
        output = [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            _to_json,
        ]
    else:
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        output = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso"),
            _add_trace,
            _drop_color_message,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *output],
    )


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the ids of the span that the event belongs to, if there is one."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event


def _drop_color_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop what uvicorn adds for its own format."""
    event.pop("color_message", None)
    return event


def _to_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return JSON.encode(event)

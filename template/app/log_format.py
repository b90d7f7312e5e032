"""One format for all logs: JSON in production, lines for people in development.

It applies to all loggers of the standard library, yours included, and has what `extra` adds:
`logging.getLogger(__name__).info("paid", extra={"order": 7})`.
"""

import datetime as dt
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

NO_EXTRA = {
    *vars(logging.makeLogRecord({})),
    "asctime",  # which other formatters add
    "color_message",  # which uvicorn adds for its own format
    "taskName",  # since Python 3.12
}
"""The attributes of a record that `extra` has not added."""


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
    if environment == "production":
        return JsonFormatter()
    plain = structlog.dev.plain_traceback
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
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ],
    )


class JsonFormatter(logging.Formatter):
    """Formats a log as a line of JSON: the context, such as the request's id, what `extra` adds,
    and what every log has.

    structlog can do this, too, in twice the time.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = structlog.contextvars.get_contextvars()
        line |= {name: value for name, value in vars(record).items() if name not in NO_EXTRA}
        line["level"] = record.levelname.lower()
        line["logger"] = record.name
        created = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line["timestamp"] = created.isoformat(timespec="microseconds").replace("+00:00", "Z")
        line |= _trace_ids()
        if record.exc_info is not None and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        line["message"] = record.getMessage()
        return JSON.encode(line)


def _trace_ids() -> dict[str, str]:
    """Those of the span that a log belongs to, if there is one."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(span.trace_id),
        "span_id": trace.format_span_id(span.span_id),
    }


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.update(_trace_ids())
    return event


def _drop_color_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop what uvicorn adds for its own format."""
    event.pop("color_message", None)
    return event

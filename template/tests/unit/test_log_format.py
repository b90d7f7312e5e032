import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from app import log_format
from app.log_format import Environment


@contextmanager
def configured(environment: Environment, level: str = "INFO") -> Iterator[None]:
    """Logs as in a process that has just started, without the handlers of pytest."""
    loggers = [logging.getLogger(name) for name in (None, "app", "uvicorn", "uvicorn.access")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        # The server has its own handlers.
        of_server = logger.name.startswith("uvicorn")
        logger.handlers[:] = [logging.NullHandler()] if of_server else []
        logger.propagate = logger.name != "uvicorn"
    log_format.configure(environment, level)
    yield
    for logger, (handlers, old_level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(old_level)
        logger.propagate = propagate


def test_in_production_every_logger_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    with configured("production"):
        order = UUID(int=7)
        logging.getLogger("app.prices").info("paid", extra={"order": order})
        logging.getLogger("somebody.elses").warning("slow: %s", "disk")
        logging.getLogger("uvicorn.error").warning("closing")
        for name in ("uvicorn", "uvicorn.access"):
            assert logging.getLogger(name).handlers == []
    output = capsys.readouterr()
    assert output.out == ""
    own, package, server = map(json.loads, output.err.splitlines())
    assert own.pop("timestamp").endswith("Z")
    assert own == {
        "message": "paid",
        "order": str(order),
        "level": "info",
        "logger": "app.prices",
    }
    assert (package["message"], package["logger"]) == ("slow: disk", "somebody.elses")
    assert (server["message"], server["logger"]) == ("closing", "uvicorn.error")


def test_in_production_the_time_is_in_utc_with_microseconds() -> None:
    record = logging.makeLogRecord({"created": 1767225600.0})
    line = json.loads(log_format.make_formatter("production").format(record))
    assert line["timestamp"] == "2026-01-01T00:00:00.000000Z"


def test_in_production_an_exception_is_a_part_of_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured("production"):
        try:
            raise RuntimeError("crashed")
        except RuntimeError:
            logging.getLogger("app.own").exception("failed")
        logging.getLogger("app.own").error("no exception", exc_info=True)
    failed, without = map(json.loads, capsys.readouterr().err.splitlines())
    assert failed["message"] == "failed"
    assert failed["exception"].startswith("Traceback (most recent call last):\n")
    assert failed["exception"].endswith("\nRuntimeError: crashed")
    assert "exception" not in without


def test_in_production_a_line_has_the_context_and_nothing_for_terminals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured("production"), structlog.contextvars.bound_contextvars(request_id="abc"):
        logging.getLogger("uvicorn.error").warning("closing", extra={"color_message": "\x1b[1m"})
    line = json.loads(capsys.readouterr().err)
    assert line.keys() == {"request_id", "level", "logger", "timestamp", "message"}
    assert line["request_id"] == "abc"


def test_in_development_every_logger_writes_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with configured("development"):
        logging.getLogger("app.prices").info("paid", extra={"order": 7})
        logging.getLogger("somebody.elses").warning("slow")
    output = capsys.readouterr().err
    assert "\x1b" not in output  # colors are for terminals
    own, package = output.splitlines()
    assert all(word in own for word in ("info", "paid", "app.prices", "order=7"))
    assert all(word in package for word in ("warning", "slow", "somebody.elses"))


def test_in_development_an_exception_is_a_plain_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured("development"):
        try:
            raise RuntimeError("crashed")
        except RuntimeError:
            logging.getLogger("app.own").exception("failed")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "RuntimeError: crashed"


def test_the_level_is_that_of_the_service_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with configured("production", "DEBUG"):
        logging.getLogger("app.own").debug("own")
        logging.getLogger("somebody.elses").info("not logged")
        logging.getLogger("uvicorn.access").info("not logged: app.request_logging does it")
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "own"


def test_a_process_that_has_configured_its_logs_keeps_them() -> None:
    before = logging.root.handlers[:]
    assert before  # those of pytest
    log_format.configure("production", "INFO")
    assert logging.root.handlers == before


def test_a_log_within_a_trace_has_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    span = NonRecordingSpan(SpanContext(trace_id=10, span_id=11, is_remote=False))
    with configured("production"), trace.use_span(span):
        logging.getLogger("app.own").info("traced")
    line = json.loads(capsys.readouterr().err)
    assert (line["trace_id"], line["span_id"]) == (f"{10:032x}", f"{11:016x}")

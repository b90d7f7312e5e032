"""What the shell of whoever runs these tests has set for a service changes no test."""

import pytest

from tests.harness.project import environment


@pytest.mark.parametrize(
    "name",
    [
        "ENVIRONMENT",
        "database_pooler",
        "MAX_BODY_SIZE",
        "SMTP_URL",
        "WORKER_LOST_AFTER",
        "OTEL_TRACES_EXPORTER",
        "PGPASSFILE",
        "UVICORN_PORT",
        "WEB_CONCURRENCY",
    ],
)
def test_projects_do_not_get_settings_of_services(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "production")
    monkeypatch.setenv("EDITOR", "vi")
    assert name not in environment()
    assert environment()["EDITOR"] == "vi"
    assert environment(**{name: "development"})[name] == "development"

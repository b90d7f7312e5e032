"""The application factory: `uvicorn --factory app.main:create_app`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from app import DESCRIPTION, TITLE, database_telemetry, errors, health, log_format, resources
from app.abandoned_requests import AbandonedRequests
from app.body_limit import ContentLengthLimit, JsonLimit
from app.database import create_engine, create_read_sessionmaker, create_sessionmaker
from app.head_requests import HeadRequests
from app.health import DatabaseProbe
from app.overload import RequestLimit, is_health_check
from app.request_logging import RequestLog
from app.settings import Settings
from app.trailing_slashes import ignore_trailing_slashes
from app.web_security import protect


class Service(FastAPI):
    """FastAPI inside what must see every response. Starlette answers unexpected errors with 500
    outside of the middleware that `add_middleware` adds.
    """

    def build_middleware_stack(self) -> ASGIApp:
        return RequestLog(protect(super().build_middleware_stack(), self.state.settings))


def create_app(settings: Settings | None = None, engine: AsyncEngine | None = None) -> FastAPI:
    """Create the application.

    `settings` are read from the environment by default. Without `engine` the application creates
    one at startup and disposes of it at shutdown. It never disposes of an engine that is passed in.
    """
    settings = settings or Settings()
    log_format.configure(settings.environment, settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # At shutdown, the stack ends in reverse order what startup has entered or pushed.
        async with AsyncExitStack() as stack:
            app.state.engine = engine or create_engine(settings)
            if database_telemetry.is_on():
                database_telemetry.observe(app.state.engine)
            if engine is None:
                stack.push_async_callback(app.state.engine.dispose)
            app.state.sessions = create_sessionmaker(app.state.engine)
            app.state.read_sessions = create_read_sessionmaker(app.state.engine, settings)
            app.state.probe = DatabaseProbe(app.state.engine, settings)
            stack.push_async_callback(app.state.probe.close)
            # Your own startup and shutdown go below this line.

            yield

    serve_docs = settings.serve_docs
    if serve_docs is None:
        serve_docs = settings.environment == "development"
    app = Service(
        title=TITLE,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json" if serve_docs else None,
        responses=errors.problem_docs(400, 422),
        # A redirect would lead to the host that the client has named.
        redirect_slashes=False,
        # By the variables OTEL_*. Its logs would repeat those of app.log_format.
        telemetry={"auto_configure": True, "logs": False, "exclude": is_health_check},
    )
    app.state.settings = settings
    errors.install(app)
    app.include_router(health.router)
    for router in resources.ROUTERS:
        app.include_router(
            router,
            dependencies=resources.DEPENDENCIES,
            max_body_size=settings.max_body_size,
        )
    ignore_trailing_slashes(app.router)
    app.add_middleware(HeadRequests)
    app.add_middleware(
        JsonLimit,
        max_depth=settings.max_json_depth,
        max_values=settings.max_json_values,
    )
    app.add_middleware(ContentLengthLimit, max_body_size=settings.max_body_size)
    app.add_middleware(AbandonedRequests, body_timeout=settings.request_body_timeout)
    app.add_middleware(RequestLimit, max_requests=settings.max_concurrent_requests)
    # Your own middleware goes below this line.

    return app

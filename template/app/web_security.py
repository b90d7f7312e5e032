"""What browsers and caches must not do with responses, and whom the service answers.

HSTS is left to the proxy that has the certificate.
"""

from collections.abc import Awaitable

from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem_response
from app.overload import is_health_check
from app.settings import Settings

HEADERS = (
    (b"x-content-type-options", b"nosniff"),  # what is no script or style is not used as one
    (b"referrer-policy", b"no-referrer"),  # URLs can have values that are nobody's business
    (b"content-security-policy", b"frame-ancestors 'none'"),  # no page can show this one as its own
    (b"cache-control", b"private, no-cache"),  # not in shared caches; others revalidate
)
READABLE_BY_SCRIPTS = ("ETag", "Location", "Retry-After", "X-Request-ID")
"""Response headers that scripts of other origins can read, besides those that all scripts can."""


class SecurityHeaders:
    """Adds the headers to each response that does not have them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message["headers"]  # with names in lower case
                names = {name for name, _ in headers}
                missing = [header for header in HEADERS if header[0] not in names]
                message["headers"] = [*headers, *missing]
            return send(message)

        return self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class AllowedHosts:
    """Rejects requests for other hosts with 400, except health checks: platforms send them to an
    address."""

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...]) -> None:
        self.app = app
        # It answers in plain text itself; here it only decides.
        self.decide = TrustedHostMiddleware(_accept, allowed_hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app

        async def reject(_: Message) -> None:
            nonlocal app
            app = problem_response(400, "Invalid Host header.")

        if scope["type"] != "http" or not is_health_check(scope):
            await self.decide(scope, receive, reject)
        await app(scope, receive, send)


async def _accept(_: Scope, __: Receive, ___: Send) -> None: ...


def protect(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app` with these headers, and with the limits of `settings` on hosts and origins."""
    if settings.cors_origins:
        # It rejects preflights in plain text: the browser looks at status and headers, and shows
        # the body to no script.
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=READABLE_BY_SCRIPTS,
        )
    if settings.allowed_hosts:
        app = AllowedHosts(app, settings.allowed_hosts)
    return SecurityHeaders(app)

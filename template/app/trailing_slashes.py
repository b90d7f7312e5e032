"""Paths with a slash at the end: `/items/` is `/items`, unless a route has the slash itself."""

from starlette.routing import Router
from starlette.types import Receive, Scope, Send


def ignore_trailing_slashes(router: Router) -> None:
    """Look for a path that is not found once more, without the slashes at its end."""
    not_found = router.default

    async def look_again(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        if path in ("", scope["path"]):
            await not_found(scope, receive, send)
        else:
            scope["path"] = path
            scope["raw_path"] = scope.get("raw_path", b"").rstrip(b"/")
            await router(scope, receive, send)

    router.default = look_again

"""Compares a request only with the routers that can have its path."""

import re

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

PARAMETER = re.compile(r"\{[^}]*\}")


def skip_other_paths(router: APIRouter) -> APIRouter:
    """Return `router`, which from now on skips paths that none of its routes can have.

    FastAPI asks the included routers one after the other, and each compares the request with all
    its routes. For the last of twenty resources, that takes a fifth of the time of a GET.
    """
    if not isinstance(router.matches, _OwnPaths):
        # On the instance, so that your own routers need no other class than APIRouter. mypy cannot
        # know that FastAPI looks the method up there.
        router.matches = _OwnPaths(router)  # type: ignore[method-assign]
    return router


class _OwnPaths:
    """The method `matches` of a router."""

    def __init__(self, router: APIRouter) -> None:
        self._matches = router.matches
        self._routes = router.routes
        self._parts: set[str] = set()
        self._known = 0

    def __call__(self, scope: Scope) -> tuple[Match, Scope]:
        if self._known != len(self._routes):
            self._parts = {_longest_fixed_part(route) for route in self._routes}
            self._known = len(self._routes)
        path = scope["path"]
        for part in self._parts:
            if part in path:
                return self._matches(scope)
        return Match.NONE, {}


def _longest_fixed_part(route: BaseRoute) -> str:
    """What each path of the route contains, whatever it is included or mounted under."""
    path: str = getattr(route, "path", "")
    return max(PARAMETER.split(path), key=len)

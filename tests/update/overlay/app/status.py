"""Endpoints of the user's own, and what all requests depend on."""

from fastapi import APIRouter, HTTPException, Request

router = APIRouter(tags=["status"])


@router.get("/items/status")
@router.get("/status")
async def status(request: Request) -> dict[str, str]:
    return {"greeting": request.app.state.settings.greeting}


async def check_language(request: Request) -> None:
    if request.headers.get("Accept-Language", "en") != "en":
        raise HTTPException(406)

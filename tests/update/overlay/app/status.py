"""Endpoints of the user's own."""

from fastapi import APIRouter, Request

router = APIRouter(tags=["status"])


@router.get("/items/status")
@router.get("/status")
async def status(request: Request) -> dict[str, str]:
    return {"greeting": request.app.state.settings.greeting}

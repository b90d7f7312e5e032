"""An endpoint of the user's own."""

from fastapi import APIRouter, Request

router = APIRouter(prefix="/status", tags=["status"])


@router.get("")
async def status(request: Request) -> dict[str, str]:
    return {"greeting": request.app.state.settings.greeting}

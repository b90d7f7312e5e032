"""The texts of mail to users."""

from dataclasses import dataclass

from app import TITLE
from app.auth.models import Purpose

FRONTEND_IN_DEVELOPMENT = "http://localhost:3000"


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str


def with_token(
    purpose: Purpose, frontend_url: str | None, token: str, *, is_registered: bool
) -> Letter:
    """The letter with a link to use the token."""
    link = _link(frontend_url, purpose, token)
    if purpose is Purpose.VERIFY_EMAIL:
        return Letter(
            f"{TITLE}: verify your e-mail address",
            "Somebody, hopefully you, has registered with this address. To verify it:\n\n"
            f"{link}\n\n"
            "If it was not you, do nothing: nobody can log in before that.",
        )
    if is_registered:
        return Letter(
            f"{TITLE}: you are registered already",
            "Somebody, hopefully you, has tried to register with this address, which has an "
            f"account. If you have forgotten its password, set a new one:\n\n{link}\n\n"
            "If it was not you, do nothing.",
        )
    return Letter(
        f"{TITLE}: set a new password",
        f"To set a new password for your account:\n\n{link}\n\n"
        "If you have not asked for it, do nothing.",
    )


def email_change(frontend_url: str | None, token: str, *, is_registered: bool) -> Letter:
    """The letter to a new address."""
    if is_registered:
        return Letter(
            f"{TITLE}: this address has an account",
            "Somebody, hopefully you, wants to use this address for another account, but it has "
            "one already.",
        )
    return Letter(
        f"{TITLE}: your new e-mail address",
        "Somebody, hopefully you, wants to use this address for an account. To confirm it:\n\n"
        f"{_link(frontend_url, Purpose.CHANGE_EMAIL, token)}\n\n"
        "If it was not you, do nothing.",
    )


def email_changed() -> Letter:
    return Letter(
        f"{TITLE}: your e-mail address was changed",
        "Your account has another e-mail address now. If it was not you, tell us.",
    )


def account_deleted() -> Letter:
    return Letter(
        f"{TITLE}: your account was deleted",
        "Your account was deleted. If it was not you, tell us.",
    )


def password_changed() -> Letter:
    return Letter(
        f"{TITLE}: your password was changed",
        "The password of your account was changed. If it was not you, reset it now.",
    )


def _link(frontend_url: str | None, purpose: Purpose, token: str) -> str:
    """The token follows a #, so that no server logs it."""
    base = (frontend_url or FRONTEND_IN_DEVELOPMENT).rstrip("/")
    return f"{base}/{purpose.replace('_', '-')}#token={token}"

import datetime as dt
from typing import Annotated, Literal

from email_validator import validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.schemas import RequestBody, Text


def _normalize(text: str) -> str:
    """The address in lower case and in ASCII, which every mail server accepts."""
    address = validate_email(text, check_deliverability=False).ascii_email
    if address is None:
        raise ValueError("must have only ASCII characters before the @")
    if address.startswith("=?"):  # mail programs would decode it (RFC 2047)
        raise ValueError("must not begin with =?")
    return address.lower()


Email = Annotated[
    str,
    Field(max_length=320, examples=["ada@example.com"], json_schema_extra={"format": "email"}),
    AfterValidator(_normalize),
]
Name = Annotated[Text, Field(min_length=1, max_length=100, examples=["Ada"])]
NewPassword = Annotated[str, Field(min_length=10, max_length=200, examples=["correct horse"])]
Password = Annotated[str, Field(max_length=200, examples=["correct horse"])]
Token = Annotated[str, Field(max_length=200)]


class Registration(RequestBody):
    email: Email
    name: Name
    password: NewPassword


class EmailVerification(RequestBody):
    token: Token
    password: Password


class PasswordResetRequest(RequestBody):
    email: Email


class PasswordReset(RequestBody):
    token: Token
    password: NewPassword


class PasswordChange(RequestBody):
    current_password: Password
    new_password: NewPassword


class EmailChangeRequest(RequestBody):
    new_email: Email
    current_password: Password


class EmailChange(RequestBody):
    token: Token


class AccountDeletion(RequestBody):
    current_password: Password


class Credentials(RequestBody):
    email: Email
    password: Password


class LoginCreated(BaseModel):
    """A new login. The token is not shown again."""

    id: int
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  (no password)
    expires_at: dt.datetime


class LoginRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    created_at: dt.datetime
    last_used_at: dt.datetime
    expires_at: dt.datetime
    user_agent: str
    is_current: bool
    """Whether this request has its token."""


class LoginList(BaseModel):
    items: list[LoginRead]


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    name: str
    scopes: list[str]


class UserUpdate(RequestBody):
    name: Name

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models import Base, choice_of


class User(Base):
    __tablename__ = "users"

    email: Mapped[str] = mapped_column(sa.String(320), unique=True)
    """In lower case."""

    name: Mapped[str] = mapped_column(sa.String(100))
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    """Empty for a user without a password, who logs in another way."""

    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.String(50)), server_default="{}")

    verified_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    """When the user has shown to receive mail at this address; none can log in before."""


class Login(Base):
    """A session of a user, for as long as its token is valid."""

    __tablename__ = "logins"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    user_agent: Mapped[str] = mapped_column(sa.String(200))
    expires_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), index=True)
    last_used_at: Mapped[dt.datetime] = mapped_column(
        sa.DateTime(timezone=True), server_default=sa.func.now()
    )


class Purpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  (no password)
    CHANGE_EMAIL = "change_email"


class MailedToken(Base):
    """A token that was sent by mail, and can be used once."""

    __tablename__ = "mailed_tokens"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[Purpose] = mapped_column(choice_of(Purpose, "purpose"))
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    expires_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), index=True)

    new_email: Mapped[str | None] = mapped_column(sa.String(320))
    """The address that is to be the user's, if that is the purpose."""


class AttemptCount(Base):
    """How often something was tried lately, such as the password of a user."""

    __tablename__ = "attempt_counts"

    key_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    count: Mapped[int] = mapped_column(sa.Integer())
    expires_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), index=True)

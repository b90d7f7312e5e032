from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models import Base


class Account(Base):
    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(String(100), unique=True)
    note: Mapped[str] = mapped_column(String(200), default="")
    posts: Mapped[list["Post"]] = relationship(back_populates="account", lazy="raise")


class Post(Base):
    """The foreign key is checked at the commit."""

    __tablename__ = "posts"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("accounts.id", deferrable=True, initially="DEFERRED")
    )
    title: Mapped[str] = mapped_column(String(100), default="title")
    account: Mapped[Account] = relationship(back_populates="posts", lazy="raise")

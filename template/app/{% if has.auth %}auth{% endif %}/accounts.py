"""Creates and changes users, their passwords and their logins.

Nothing reveals whether an address has an account, neither a text nor the time that it takes: known
and unknown addresses get the same responses after the same statements and the same hash. Only the
mail says more.

No connection to the database is held while a password is hashed.

What changes an account locks its user before anything else of it. So of two requests at once one
waits for the other, and sees what that has done; neither has to fail, and no link is mailed to an
address that is being changed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from sqlalchemy import delete, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import letters, schemas
from app.auth.current_user import CurrentUser
from app.auth.letters import Letter
from app.auth.models import AttemptCount, Login, MailedToken, Purpose, User
from app.auth.passwords import passwords
from app.auth.throttling import client_of, count_attempt, forget_attempts
from app.auth.tokens import digest, new_token
from app.database import SessionDep
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.mail import MailDep, OutgoingMail
from app.settings import Settings

LOGIN_LASTS = dt.timedelta(days=30)
MAILED_TOKEN_LASTS = dt.timedelta(hours=1)
MAX_LISTED = 100

PASSWORDS_A_USER = 10
"""How many passwords may be tried for an address in `throttling.WINDOW`."""

MAILS_A_USER = 5
"""How many times somebody may cause mail to an address in that time."""

ATTEMPTS_A_CLIENT = 100
"""How many times a client may do either, or try a token, in that time."""


class Accounts:
    """The accounts, for one request."""

    def __init__(self, request: Request, session: AsyncSession, mail: OutgoingMail) -> None:
        self._address = request.client.host if request.client else ""
        self._state = request.app.state
        self._session = session
        self._mail = mail

    async def register(self, data: schemas.Registration) -> None:
        """Create an account, which can be used when its address is verified.

        Before that, registering again replaces its name and its password.
        """
        await self.count_attempt(f"mail {data.email}", MAILS_A_USER)
        password_hash = await passwords.hash(data.password)
        new = insert(User).values(email=data.email, name=data.name, password_hash=password_hash)
        is_new = await self._session.scalar(
            new.on_conflict_do_update(
                index_elements=[User.email],
                set_={"name": new.excluded.name, "password_hash": new.excluded.password_hash},
                where=User.verified_at.is_(None),
            ).returning(User.id)
        )
        if is_new:
            await self._mail_token(data.email, Purpose.VERIFY_EMAIL)
        else:
            await self._mail_token(data.email, Purpose.RESET_PASSWORD, is_registered=True)

    async def verify_email(self, data: schemas.EmailVerification) -> None:
        """Verify the address of an account. Raises InvalidInputError.

        The password is required, too: someone other than the reader of the mail may have registered
        the address.
        """
        await self.count_attempt()
        user = await self._find_by_token(data.token, Purpose.VERIFY_EMAIL)
        password_hash = user.password_hash if user else None
        is_correct = await passwords.verify(data.password, password_hash)
        invalid = InvalidInputError("Invalid or expired token, or wrong password.", "body")
        if user is None or not is_correct:
            raise invalid
        await self._hold_password(user, invalid)
        await self._use_up(user.id, data.token)
        await self._update(user.id, verified_at=func.now())

    async def request_password_reset(self, data: schemas.PasswordResetRequest) -> None:
        await self.count_attempt(f"mail {data.email}", MAILS_A_USER)
        # Only for a known address is there something to write, and the time that its commit waits
        # for the disk would reveal that. If a crash loses the link, its user asks for another one.
        await self._session.execute(text("SET LOCAL synchronous_commit = off"))
        await self._mail_token(data.email, Purpose.RESET_PASSWORD)

    async def reset_password(self, data: schemas.PasswordReset) -> None:
        """Set the password of an account, which ends all its logins, and verifies its address.

        Raises InvalidInputError.
        """
        await self.count_attempt()
        user = await self._find_by_token(data.token, Purpose.RESET_PASSWORD)
        if user is None:
            raise InvalidInputError("Invalid or expired token.", "body", "token")
        password_hash = await passwords.hash(data.password)
        verified_at = func.coalesce(User.verified_at, func.now())
        await self._update(user.id, password_hash=password_hash, verified_at=verified_at)
        await self._use_up(user.id, data.token)
        await self._session.execute(delete(Login).where(Login.user_id == user.id))
        await self._note_change(user.email)

    async def change_password(self, me: CurrentUser, data: schemas.PasswordChange) -> None:
        """Set the user's own password, which ends all other logins and links in mail.

        Raises InvalidInputError.
        """
        user = await self._require_password(me, data.current_password)
        password_hash = await passwords.hash(data.new_password)
        await self._hold_password(user, _wrong_password())
        await self._update(me.id, password_hash=password_hash)
        others = delete(Login).where(Login.user_id == me.id, Login.id != me.login_id)
        await self._session.execute(others)
        await self._session.execute(delete(MailedToken).where(MailedToken.user_id == me.id))
        await self._note_change(me.email)

    async def request_email_change(self, me: CurrentUser, data: schemas.EmailChangeRequest) -> None:
        """Mail a token to the new address, by which its reader can make it the user's.

        Raises InvalidInputError.
        """
        user = await self._require_password(me, data.current_password)
        await self.count_attempt(f"mail {data.new_email}", MAILS_A_USER)
        await self._hold_password(user, _wrong_password())
        token = new_token()
        is_registered = exists().where(User.email == data.new_email)
        values = self._token_values(token, Purpose.CHANGE_EMAIL) | {
            "user_id": literal(me.id),
            "new_email": literal(data.new_email),
        }
        new = insert(MailedToken).from_select(
            [*values], select(*values.values()).where(~is_registered)
        )
        is_free = await self._session.scalar(new.returning(MailedToken.id)) is not None
        settings: Settings = self._state.settings
        letter = letters.email_change(settings.frontend_url, token, is_registered=not is_free)
        await self._send(data.new_email, letter)

    async def change_email(self, me: CurrentUser, data: schemas.EmailChange) -> None:
        """Set the user's address to the one that got the token, which ends all links in mail.

        Raises InvalidInputError.
        """
        mailed = await self._session.scalar(
            select(MailedToken.new_email).where(
                MailedToken.user_id == me.id,
                MailedToken.token_hash == digest(data.token),
                MailedToken.purpose == Purpose.CHANGE_EMAIL,
                MailedToken.expires_at > func.now(),
            )
        )
        if mailed is None:
            raise InvalidInputError("Invalid or expired token.", "body", "token")
        await self._update(me.id, email=mailed)  # waits for a link to the old one
        await self._use_up(me.id, data.token)
        await self._send(me.email, letters.email_changed())

    async def delete(self, me: CurrentUser, data: schemas.AccountDeletion) -> None:
        """Delete the user's account with all its logins.

        Raises InvalidInputError, or ConflictError if there are rows that belong to the user.
        """
        user = await self._require_password(me, data.current_password)
        await self._hold_password(user, _wrong_password())
        try:
            await self._session.execute(delete(User).where(User.id == me.id))
        except IntegrityError as error:
            raise ConflictError("Delete what belongs to this account first.") from error
        await self._send(me.email, letters.account_deleted())

    async def log_in(self, data: schemas.Credentials, user_agent: str) -> schemas.LoginCreated:
        """Create a login. Raises HTTPException."""
        user = await self._check_password(data.email, data.password)
        wrong = HTTPException(
            401, "Wrong e-mail address or password.", headers={"WWW-Authenticate": "Bearer"}
        )
        if user is None:
            raise wrong
        if user.verified_at is None:
            raise HTTPException(403, "Verify your e-mail address first; see your mail.")
        await self._hold_password(user, wrong)
        await forget_attempts(self._session, f"password {user.email}")
        return await self.create_login(user.id, user_agent)

    async def create_login(self, user_id: int, user_agent: str) -> schemas.LoginCreated:
        """Create a login for a user who is authenticated, by a password or in another way.

        It deletes what has expired, of all users.
        """
        token = new_token()
        new = insert(Login).values(
            user_id=user_id,
            token_hash=digest(token),
            user_agent=user_agent[:200],
            expires_at=func.now() + LOGIN_LASTS,
        )
        login = (await self._session.execute(new.returning(Login.id, Login.expires_at))).one()
        for model in (Login, MailedToken, AttemptCount):
            # Not what other requests hold: they might wait for this one as well.
            expired = select(model.id).where(model.expires_at <= func.now())
            unheld = expired.with_for_update(skip_locked=True)
            await self._session.execute(delete(model).where(model.id.in_(unheld)))
        return schemas.LoginCreated(id=login.id, access_token=token, expires_at=login.expires_at)

    async def logins(self, me: CurrentUser) -> Sequence[Login]:
        """The user's logins, the newest first, at most `MAX_LISTED`."""
        valid = (Login.user_id == me.id, Login.expires_at > func.now())
        newest = select(Login).where(*valid).order_by(Login.id.desc()).limit(MAX_LISTED)
        return (await self._session.scalars(newest)).all()

    async def log_out(self, me: CurrentUser, login_id: int) -> None:
        """End one of the user's logins. Raises NotFoundError."""
        ended = delete(Login).where(Login.user_id == me.id, Login.id == login_id)
        if await self._session.scalar(ended.returning(Login.id)) is None:
            raise NotFoundError(f"Login {login_id} not found.")

    async def log_out_everywhere(self, me: CurrentUser) -> None:
        await self._session.execute(delete(Login).where(Login.user_id == me.id))

    async def rename(self, me: CurrentUser, data: schemas.UserUpdate) -> CurrentUser:
        await self._update(me.id, name=data.name)
        return replace(me, name=data.name)

    async def count_attempt(self, key: str | None = None, limit: int = 0) -> None:
        """Count an attempt of the client, and one for the key. Raises HTTPException (429)."""
        limits = {} if key is None else {key: limit}
        limits[f"client {client_of(self._address)}"] = ATTEMPTS_A_CLIENT
        await count_attempt(self._state.auth_sessions, limits)

    async def _check_password(self, email: str, password: str) -> User | None:
        """The user, if this is the password."""
        await self.count_attempt(f"password {email}", PASSWORDS_A_USER)
        async with self._state.auth_sessions() as session:
            user: User | None = await session.scalar(select(User).where(User.email == email))
        password_hash = user.password_hash if user else None
        return user if await passwords.verify(password, password_hash) else None

    async def _require_password(self, me: CurrentUser, password: str) -> User:
        user = await self._check_password(me.email, password)
        if user is None:
            raise _wrong_password()
        return user

    async def _hold_password(self, user: User, error: Exception) -> None:
        """Lock the user until the request ends. Raises `error` if another request has changed the
        password since it was compared: that ends all logins, but not one created later."""
        unchanged = (User.id == user.id) & (User.password_hash == user.password_hash)
        # As an update does, so that a reference to the user need not wait.
        held = select(User.id).where(unchanged).with_for_update(key_share=True)
        if await self._session.scalar(held) is None:
            raise error

    async def _update(self, user_id: int, **values: object) -> None:
        await self._session.execute(update(User).where(User.id == user_id).values(values))

    async def _mail_token(
        self, email: str, purpose: Purpose, *, is_registered: bool = False
    ) -> None:
        """Mail a token to the user with this address, if there is one."""
        token = new_token()
        values = self._token_values(token, purpose) | {"user_id": User.id}
        # One statement for known and unknown addresses. It locks the user, because the
        # foreign key would fail if the account were being deleted.
        to_user = select(*values.values()).where(User.email == email)
        new = insert(MailedToken).from_select(
            [*values], to_user.with_for_update(read=True, key_share=True)
        )
        is_known = await self._session.scalar(new.returning(MailedToken.id)) is not None
        settings: Settings = self._state.settings
        letter = letters.with_token(
            purpose, settings.frontend_url, token, is_registered=is_registered
        )
        await self._send(email, letter, only_if=is_known)

    def _token_values(self, token: str, purpose: Purpose) -> dict[str, Any]:
        return {
            "purpose": literal(purpose, MailedToken.purpose.type),
            "token_hash": literal(digest(token)),
            "expires_at": func.now() + MAILED_TOKEN_LASTS,
        }

    async def _find_by_token(self, token: str, purpose: Purpose) -> User | None:
        found = (
            select(User)
            .join(MailedToken, MailedToken.user_id == User.id)
            .where(
                MailedToken.token_hash == digest(token),
                MailedToken.purpose == purpose,
                MailedToken.expires_at > func.now(),
            )
        )
        async with self._state.auth_sessions() as session:
            user: User | None = await session.scalar(found)
        return user

    async def _use_up(self, user_id: int, token: str) -> None:
        """Delete the token, and all others that were mailed to the user.

        Raises InvalidInputError if another request has used it meanwhile.
        """
        of_user = delete(MailedToken).where(MailedToken.user_id == user_id)
        used = await self._session.scalars(of_user.returning(MailedToken.token_hash))
        if digest(token) not in used.all():
            raise InvalidInputError("Invalid or expired token.", "body", "token")

    async def _note_change(self, email: str) -> None:
        await forget_attempts(self._session, f"password {email}")
        await self._send(email, letters.password_changed())

    async def _send(self, email: str, letter: Letter, *, only_if: bool = True) -> None:
        await self._mail.send(email, letter.subject, letter.text, only_if=only_if)


def _wrong_password() -> InvalidInputError:
    return InvalidInputError("Wrong password.", "body", "current_password")


async def get_accounts(request: Request, session: SessionDep, mail: MailDep) -> Accounts:
    return Accounts(request, session, mail)


AccountsDep = Annotated[Accounts, Depends(get_accounts)]

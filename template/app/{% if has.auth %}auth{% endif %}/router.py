"""Registration, login, the password and `/me`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from app.auth import schemas
from app.auth.accounts import AccountsDep
from app.auth.current_user import CurrentUser, CurrentUserDep, authenticate
from app.errors import problem_docs
from app.schemas import IdPath

public = APIRouter(tags=["users"], responses=problem_docs(429))
private = APIRouter(
    tags=["users"], dependencies=[Depends(authenticate)], responses=problem_docs(401)
)


@public.post("/users", status_code=202, response_class=Response)
async def register(accounts: AccountsDep, data: schemas.Registration) -> None:
    """Mails a link to verify the address, or to set another password if it has an account."""
    await accounts.register(data)


@public.post("/email-verifications", status_code=204, response_class=Response)
async def verify_email(accounts: AccountsDep, data: schemas.EmailVerification) -> None:
    await accounts.verify_email(data)


@public.post("/password-reset-requests", status_code=202, response_class=Response)
async def request_password_reset(accounts: AccountsDep, data: schemas.PasswordResetRequest) -> None:
    """Mails a link to set another password, if the address has an account."""
    await accounts.request_password_reset(data)


@public.post("/password-resets", status_code=204, response_class=Response)
async def reset_password(accounts: AccountsDep, data: schemas.PasswordReset) -> None:
    """Sets the password, and ends all logins of the user."""
    await accounts.reset_password(data)


@public.post("/logins", status_code=201, responses=problem_docs(401, 403))
async def log_in(
    accounts: AccountsDep, data: schemas.Credentials, user_agent: Annotated[str, Header()] = ""
) -> schemas.LoginCreated:
    return await accounts.log_in(data, user_agent)


@private.get("/logins")
async def list_logins(accounts: AccountsDep, me: CurrentUserDep) -> schemas.LoginList:
    """The user's own, the newest first."""
    return schemas.LoginList(
        items=[
            schemas.LoginRead.model_validate(vars(login) | {"is_current": login.id == me.login_id})
            for login in await accounts.logins(me)
        ]
    )


@private.delete("/logins", status_code=204, response_class=Response)
async def log_out_everywhere(accounts: AccountsDep, me: CurrentUserDep) -> None:
    await accounts.log_out_everywhere(me)


@private.delete("/logins/current", status_code=204, response_class=Response)
async def log_out(accounts: AccountsDep, me: CurrentUserDep) -> None:
    await accounts.log_out(me, me.login_id)


@private.delete(
    "/logins/{id:digits}", status_code=204, response_class=Response, responses=problem_docs(404)
)
async def end_login(accounts: AccountsDep, me: CurrentUserDep, id: IdPath) -> None:
    await accounts.log_out(me, id)


@private.get("/me", response_model=schemas.UserRead)
async def get_me(me: CurrentUserDep) -> CurrentUser:
    return me


@private.patch("/me", response_model=schemas.UserRead)
async def update_me(
    accounts: AccountsDep, me: CurrentUserDep, data: schemas.UserUpdate
) -> CurrentUser:
    return await accounts.rename(me, data)


@private.post(
    "/me/email-changes", status_code=202, response_class=Response, responses=problem_docs(429)
)
async def request_email_change(
    accounts: AccountsDep, me: CurrentUserDep, data: schemas.EmailChangeRequest
) -> None:
    """Mails a link to the new address, unless it has an account."""
    await accounts.request_email_change(me, data)


@private.put("/me/email", status_code=204, response_class=Response, responses=problem_docs(409))
async def change_email(
    accounts: AccountsDep, me: CurrentUserDep, data: schemas.EmailChange
) -> None:
    """Sets the address that the token was mailed to."""
    await accounts.change_email(me, data)


@private.post(
    "/me/deletion", status_code=204, response_class=Response, responses=problem_docs(409, 429)
)
async def delete_account(
    accounts: AccountsDep, me: CurrentUserDep, data: schemas.AccountDeletion
) -> None:
    """Deletes the user with all logins; 409 while there are rows that belong to them."""
    await accounts.delete(me, data)


@private.put("/me/password", status_code=204, response_class=Response, responses=problem_docs(429))
async def change_password(
    accounts: AccountsDep, me: CurrentUserDep, data: schemas.PasswordChange
) -> None:
    """Sets the password, and ends all other logins."""
    await accounts.change_password(me, data)

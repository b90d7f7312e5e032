"""Users with e-mail and password, and the tokens by which requests say who sends them.

current_user.py  who sends a request: `CurrentUserDep`, `require_scope`
owners.py        rows that belong to a user: the base class `Owned`
router.py        registration, login, the password, `/me`; accounts.py does the work
throttling.py    how often something may be tried
passwords.py, tokens.py, letters.py, models.py, schemas.py

Every router in the registries requires a user, but for the public endpoints in router.py.
"""

from app.auth.current_user import (
    ADMIN,
    CurrentUser,
    CurrentUserDep,
    authenticate,
    require_scope,
)
from app.auth.owners import Owned

__all__ = ["ADMIN", "CurrentUser", "CurrentUserDep", "Owned", "authenticate", "require_scope"]

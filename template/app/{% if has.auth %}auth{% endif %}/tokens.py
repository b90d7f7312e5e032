"""Tokens: random texts of which the database knows only a hash.

A plain hash is enough, since nobody can guess 256 random bits.
"""

import hashlib
import secrets


def new_token() -> str:
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()

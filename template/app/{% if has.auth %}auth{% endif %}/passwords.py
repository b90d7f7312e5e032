"""Hashes of passwords, by argon2id with the parameters that RFC 9106 recommends."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

T = TypeVar("T")

AT_ONCE = 4
"""Hashes that a process computes at the same time: each takes a core and 64 MiB for a while."""


class Passwords:
    """Hashes passwords, and compares them with hashes, in threads of its own."""

    def __init__(self, hasher: Argon2Hasher) -> None:
        self.hasher = hasher
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self.hasher.hash(password))

    async def verify(self, password: str, hash: str | None) -> bool:
        """Whether this is the password. Without a hash it is not, which takes as long to say."""
        return await self._run(lambda: self._verify(password, hash))

    def _verify(self, password: str, hash: str | None) -> bool:
        of_nobody = _hash_of_nobody(self.hasher)  # made once, whether or not there is a hash
        return self.hasher.verify(password, hash or of_nobody) and bool(hash)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


@cache
def _hash_of_nobody(hasher: Argon2Hasher) -> str:
    return hasher.hash("")


passwords = Passwords(Argon2Hasher(time_cost=3, memory_cost=65_536, parallelism=4))

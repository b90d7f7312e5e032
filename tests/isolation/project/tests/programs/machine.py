"""The machine: runs a program both ways and judges it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.programs.language import Program
from tests.programs.real import RealExecutor
from tests.programs.sandboxed import SandboxExecutor
from tests.programs.verdicts import Verdict, judge, show


class ThirdThingError(AssertionError):
    """The sandbox has shown what PostgreSQL does not, and has said nothing."""


class Machine:
    def __init__(self, real: RealExecutor, sandbox: SandboxExecutor) -> None:
        self._real = real
        self._sandbox = sandbox
        self.verdicts: Counter[str] = Counter()

    async def run(self, program: Program) -> tuple[Verdict, str]:
        """Run a program; return the verdict, and the steps of both runs in a readable form."""
        real, tables = await self._real.run(program)
        box = await self._sandbox.run(program, real)
        verdict = judge(program, real, tables, box)
        self.verdicts[verdict.name] += 1
        return verdict, show(program, verdict, real, box.trace)

    async def check(self, program: Program) -> None:
        verdict, shown = await self.run(program)
        if verdict.name == "a third thing":
            raise ThirdThingError(f"\n{shown}")

    async def search(self, test: Callable[[Callable[[Program], None]], Any]) -> None:
        """Let `test`, which hypothesis drives in a thread, check programs on this event loop."""
        loop = asyncio.get_running_loop()

        def check(program: Program) -> None:
            asyncio.run_coroutine_threadsafe(self.check(program), loop).result()

        await asyncio.to_thread(test, check)

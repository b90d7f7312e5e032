"""The machine: runs a program both ways and judges it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future

from tests.programs.catalog import FEATURES
from tests.programs.language import Interrupt, Operation, Program
from tests.programs.real import RealExecutor
from tests.programs.sandboxed import SandboxExecutor
from tests.programs.sessions import Outcome
from tests.programs.traces import first_that_only_waits_here, in_order_of_ends
from tests.programs.verdicts import Verdict, judge, show

Check = Callable[[Program, bool], None]

NEVER_WAITS = ("NOWAIT", "SKIP LOCKED", "pg_try_")
TIMED_OUT = Outcome("error", "55P03")


class ThirdThingError(AssertionError):
    """The sandbox has shown what PostgreSQL does not, and has said nothing."""


class Machine:
    def __init__(self, real: RealExecutor, sandbox: SandboxExecutor) -> None:
        self._real = real
        self._sandbox = sandbox
        self.verdicts: Counter[str] = Counter()

    async def run(
        self, program: Program, *, freely: bool = False, slowly: bool = False
    ) -> tuple[Verdict, str]:
        """Run a program; return the verdict, and the steps of both runs in a readable form.

        Unlike a test that awaits each of its steps, sessions that run `freely` go on while one of
        them waits for its turn in the sandbox. They then have to show what PostgreSQL shows if that
        step comes later; except for steps that never wait in PostgreSQL.

        On a busy machine a step can seem to wait. If it is run `slowly`, it has ten times as long.
        """
        real, tables = await self._real.run(program)
        if not freely:
            box = await self._sandbox.run(program, real, slowly=slowly)
        else:
            box = await self._sandbox.run(program, None, slowly=slowly)
            waits = first_that_only_waits_here(real, box.trace)
            if waits is not None and box.trace.outcomes[waits].kind == "cancelled":
                # In PostgreSQL the step had ended before it was cancelled.
                program = _without_interrupts(program)
                return await self.run(program, freely=freely, slowly=slowly)
            if waits is not None and _never_waits(program[waits].operation, real.outcomes[waits]):
                real.end_with(waits)  # what comes after it has another order here
                box.tables = tables
            elif waits is not None:
                program, box.trace = in_order_of_ends(program, box.trace)
                real, tables = await self._real.run(program)
            box.trace.early = {n for n in box.trace.outcomes if not box.trace.waited(n)}
        verdict = judge(program, real, tables, box)
        self.verdicts[verdict.name] += 1
        return verdict, show(program, verdict, real, box.trace)

    async def renew(self) -> None:
        """Go on with a sandbox and a database that nothing has happened to."""
        await self._sandbox.close()
        await self._sandbox.open()

    async def check(self, program: Program, freely: bool) -> None:
        """Raise ThirdThingError if the program shows a third thing, and again if it is run slowly.

        What shows only once, on a machine that is busy, is printed: it cannot be made smaller.
        """
        verdict, shown = await self.run(program, freely=freely)
        if verdict.name == "a third thing":
            again, shown_again = await self.run(program, freely=freely, slowly=True)
            if again.name == "a third thing":
                raise ThirdThingError(f"\n{shown_again}")
            self.verdicts["shown once only"] += 1
            print(f"shown once only:\n{shown}")  # noqa: T201

    async def search(self, test: Callable[[Check], object]) -> None:
        """Let `test`, which hypothesis drives in a thread, check programs on this event loop."""
        loop = asyncio.get_running_loop()
        running: list[Future[None]] = []
        stopped = False

        def check(program: Program, freely: bool) -> None:
            if stopped:
                raise KeyboardInterrupt
            running[:] = [asyncio.run_coroutine_threadsafe(self.check(program, freely), loop)]
            running[0].result()

        try:
            await asyncio.to_thread(test, check)
        finally:  # at Ctrl-C the thread still waits for this loop, and Python for the thread
            stopped = True
            for future in running:
                future.cancel()


def _without_interrupts(program: Program) -> Program:
    return tuple(step for step in program if not isinstance(step.operation, Interrupt))


def _never_waits(operation: Operation, outcome: Outcome) -> bool:
    reads = operation in (*FEATURES["reads"], *FEATURES["functions that change nothing"])
    return reads or outcome == TIMED_OUT or any(word in str(operation) for word in NEVER_WAITS)

"""Runs of a program: one that decides the order of events, and one that follows it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.programs.language import Interrupt, Program
from tests.programs.sessions import Outcome, Session

from dev.sandbox.waits import IDLE_TICKS, TICK

Sessions = Mapping[int, Session]
Event = tuple[Literal["start", "end", "interrupt"], int]
"""What happened, and to which step of the program."""

AT_ONCE = 0.01
"""Seconds in which a step usually ends, so that it need not be asked whether it waits."""

LIMIT = 5.0
"""Seconds after which a step hangs."""


@dataclass
class Trace:
    """What happened in a run."""

    events: list[Event] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    """Steps that waited for another session."""

    early: set[int] = field(default_factory=set)
    """Steps that ended although they should have waited."""

    def waited(self, number: int) -> bool:
        return number in self.waiting

    def end_with(self, number: int) -> None:
        """Forget what happened after the end of this step."""
        del self.events[self.events.index(("end", number)) + 1 :]

    def end_before(self, number: int) -> None:
        """Forget the end of this step, and what happened after it."""
        del self.events[self.events.index(("end", number)) :]


class Run:
    """A program that runs."""

    def __init__(self, program: Program, sessions: Sessions) -> None:
        self.program = program
        self.sessions = sessions
        self.trace = Trace()
        self.running: dict[int, tuple[int, asyncio.Task[Outcome]]] = {}

    def start(self, number: int) -> None:
        step = self.program[number]
        work = self.sessions[step.session].perform(step.operation)
        self.running[step.session] = number, asyncio.create_task(work, name=str(step.session))
        self.trace.events.append(("start", number))

    def end(self, session: int, outcome: Outcome | None = None) -> None:
        number, task = self.running.pop(session)
        self.trace.outcomes[number] = outcome or task.result()
        self.trace.events.append(("end", number))

    def interrupt(self, number: int) -> None:
        session = self.program[number].session
        if session in self.running:
            self.running[session][1].cancel()
        self.trace.events.append(("interrupt", number))

    async def stop(self, session: int, outcome: Outcome) -> None:
        """Give up on a step that does not end."""
        _, task = self.running[session]
        task.cancel()
        await asyncio.wait({task}, timeout=LIMIT)
        self.end(session, outcome)

    async def close(self) -> None:
        """End what still waits, and close all connections."""
        for session in sorted(self.running):
            await self.stop(session, Outcome("waits"))
        await asyncio.gather(*(session.close() for session in self.sessions.values()))


async def lead(
    program: Program,
    sessions: Sessions,
    all_wait: Callable[[set[int]], Awaitable[bool]],
    at_once: float = AT_ONCE,
    give_up: float = 0.0,
) -> Trace:
    """Run a program. A step begins when the one before it has ended or waits for another session;
    the further steps of a session that waits are put off until it goes on.

    `all_wait` says whether all of these sessions wait for others; it is asked about those that have
    not ended after `at_once` seconds. Steps that still wait at the end have `give_up` seconds to
    give up by themselves.
    """
    run = Run(program, sessions)
    put_off: dict[int, deque[int]] = {session: deque() for session in sessions}

    async def settle() -> None:
        """Let everybody go on until all have ended or wait."""
        deadline = asyncio.get_running_loop().time() + LIMIT
        while run.running:
            tasks = {task for _, task in run.running.values()}
            await asyncio.wait(tasks, timeout=at_once, return_when=asyncio.FIRST_COMPLETED)
            done = [session for session, (_, task) in run.running.items() if task.done()]
            for session in sorted(done):
                run.end(session)
                if put_off[session]:
                    run.start(put_off[session].popleft())
            if done:
                continue
            if await all_wait(set(run.running)):
                run.trace.waiting.update(number for number, _ in run.running.values())
                return
            if asyncio.get_running_loop().time() > deadline:
                for session in sorted(run.running):
                    await run.stop(session, Outcome("hangs"))

    for number, step in enumerate(program):
        if isinstance(step.operation, Interrupt):
            run.interrupt(number)
        elif step.session in run.running:
            put_off[step.session].append(number)
        else:
            run.start(number)
        await settle()
    if run.running and give_up:
        await asyncio.wait({task for _, task in run.running.values()}, timeout=give_up)
        await settle()
    await run.close()
    return run.trace


async def follow(program: Program, sessions: Sessions, leader: Trace, limit: float) -> Trace:
    """Run a program in the order of events of another run of it, until something is refused."""
    run = Run(program, sessions)
    due: set[int] = set()
    for event, number in leader.events:
        session = program[number].session
        match event:
            case "start":
                if session in run.running:  # it waited when the other run was stopped
                    break
                run.start(number)
                if leader.waited(number):
                    await _let_others_be_idle(run.running[session][1])
            case "interrupt":
                if session in run.running:
                    due.add(run.running[session][0])
                run.interrupt(number)
            case "end" if session in run.running:
                due.add(number)
                _, task = run.running[session]
                await asyncio.wait({task}, timeout=limit)
                if task.done():
                    run.end(session)
                else:
                    await run.stop(session, Outcome("hangs"))
        _note_early(run, leader, due)
        if any(outcome.kind == "refused" for outcome in run.trace.outcomes.values()):
            break
    _note_early(run, leader, due)
    await run.close()
    return run.trace


async def _let_others_be_idle(waiting: asyncio.Task[Outcome]) -> None:
    """Do nothing while a step waits, for so long that the sandbox takes the others for idle."""
    for _ in range(IDLE_TICKS + 10):
        if waiting.done():
            return
        await asyncio.sleep(TICK)


def _note_early(run: Run, leader: Trace, due: set[int]) -> None:
    for number, task in run.running.values():
        if task.done() and number not in due and leader.waited(number):
            run.trace.early.add(number)


def first_that_only_waits_here(real: Trace, free: Trace) -> int | None:
    """The first step that waits in the free run and not in the real one, in which it has ended."""
    started = [number for event, number in free.events if event == "start"]
    ended = [number for number in started if number in real.outcomes]
    return next((n for n in ended if free.waited(n) and not real.waited(n)), None)


def in_order_of_ends(program: Program, trace: Trace) -> tuple[Program, Trace]:
    """The program as it would have to be written for its steps to end in the order of this run;
    and the outcomes of this run, renumbered. Steps that never ended are left out."""
    order = [number for event, number in trace.events if event in ("end", "interrupt")]
    outcomes = {new: trace.outcomes[old] for new, old in enumerate(order) if old in trace.outcomes}
    return tuple(program[number] for number in order), Trace(outcomes=outcomes)

"""The comparison: a program is equal, refused by name, or a third thing, which is a bug."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.programs import known, state
from tests.programs.language import Program
from tests.programs.sandboxed import Sandboxed
from tests.programs.sessions import Outcome
from tests.programs.state import State
from tests.programs.traces import Trace

STALE = Outcome("error", "ProtocolError")
"""What asyncpg raises for a FETCH or EXECUTE that has other columns than when it was first sent on
its connection. The sandbox sends it again."""

OUTDATED = Outcome("error", "InvalidCachedStatementError")
"""What asyncpg raises within a transaction for a statement that it has prepared before a table was
changed. The sandbox prepares it again; what comes after that cannot be compared."""

WAY_OUT = "committed"
"""What each refusal has to name."""


@dataclass(frozen=True)
class Verdict:
    name: Literal["equal", "refused", "a third thing"]
    reason: str = ""
    step: int | None = None


def judge(program: Program, real: Trace, tables: State, box: Sandboxed) -> Verdict:
    """Compare a real run with one in the sandbox."""
    if box.left:
        return Verdict("a third thing", f"the next test finds {box.left}")
    outdated = [n for event, n in real.events if event == "end" and real.outcomes[n] == OUTDATED]
    if outdated:
        real.end_with(outdated[0])
        box.tables = tables
    overtaking = next(_overtaking(program, real), None)
    if overtaking is not None:
        real.end_before(overtaking)
        box.tables = tables
    verdict = _judge_steps(program, real, box.trace)
    if verdict.name == "refused" and not box.findings and known.REFUSALS_ARE_FINDINGS:
        return Verdict(
            "a third thing", f"a swallowed refusal is no finding: {verdict.reason}", verdict.step
        )
    if verdict.name != "equal":
        return _excused(verdict, box.findings)
    if box.tables is None or (different := state.differences(tables, box.tables)):
        reason = "the tables cannot be read" if box.tables is None else different
        return _excused(Verdict("a third thing", f"in the end, {reason}"), box.findings)
    return Verdict("refused", box.findings[0]) if box.findings else verdict


def _overtaking(program: Program, real: Trace) -> Iterator[int]:
    """The steps that went on before the same step of a session that had waited for longer.

    PostgreSQL wakes all that wait for a key, and it is chance which comes first.
    """
    waiting: list[int] = []
    for event, number in real.events:
        if event == "start" and real.waited(number):
            waiting.append(number)
        elif event == "end" and number in waiting:
            longer = waiting[: waiting.index(number)]
            if any(program[other].operation == program[number].operation for other in longer):
                yield number
            waiting.remove(number)


def _excused(verdict: Verdict, findings: list[str]) -> Verdict:
    """A difference that the end of the test reports is a refusal."""
    if verdict.name == "a third thing" and any(WAY_OUT in finding for finding in findings):
        return Verdict("refused", findings[0], verdict.step)
    return verdict


def _judge_steps(program: Program, real: Trace, box: Trace) -> Verdict:
    for event, number in real.events:
        found = box.outcomes.get(number, Outcome("put off"))
        expected = real.outcomes.get(number, Outcome("put off"))
        refused = found.kind == "refused"
        if event == "start" and real.waited(number) and number in box.early and not refused:
            reason = f"PostgreSQL waits, the sandbox has {found}"
            return Verdict("a third thing", reason, number)
        if event == "start" and not refused:
            continue
        if refused:
            named = WAY_OUT in str(found.value)
            return Verdict("refused" if named else "a third thing", str(found.value), number)
        if event == "end" and found != expected and expected not in (STALE, OUTDATED):
            return Verdict("a third thing", f"{expected} | {found}", number)
    return Verdict("equal")


def show(program: Program, verdict: Verdict, real: Trace, box: Trace) -> str:
    """The steps of a program, with what both have shown."""
    lines = [f"{verdict.name}: {verdict.reason}"]
    for number, step in enumerate(program):
        mark = ">" if number == verdict.step else " "
        outcomes = [str(trace.outcomes.get(number, "-")) for trace in (real, box)]
        if real.waited(number):
            outcomes[0] = f"(waits) {outcomes[0]}"
        shown = " | ".join(outcomes) if outcomes[0] != outcomes[1] else f"both {outcomes[0]}"
        lines.append(f"{mark} {step!s:60} {shown}")
    return "\n".join(lines)

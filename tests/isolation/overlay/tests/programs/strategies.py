"""Programs at random: a few sessions with transactions about a few features, interleaved."""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.programs.catalog import FEATURES, OBSERVATIONS
from tests.programs.known import READS_DO_NOT_WAIT, WRONG
from tests.programs.language import Begin, Finish, Operation, Program, Savepoint, Step

NUMBER = int(os.environ.get("PROGRAMS", "50"))
"""How many programs; the same ones in each run, unless a number is given."""

SETTINGS = settings(
    max_examples=NUMBER,
    derandomize="PROGRAMS" not in os.environ,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

FREELY = st.booleans() if READS_DO_NOT_WAIT else st.just(False)
"""Whether sessions go on while one of them waits, as tasks do."""

CHOICE = [name for name, operations in FEATURES.items() if not WRONG.issuperset(operations)]
ALWAYS = ("reads", "writes", "writes")
BEGINS = [Begin(), Begin(), Begin(readonly=True), Begin("repeatable_read"), Begin("serializable")]
FINISHES = [Finish("commit"), Finish("commit"), Finish("rollback")]

Operations = list[Operation]


def _blocks(operations: Operations) -> st.SearchStrategy[Operations]:
    """What a session does in one go: a transaction, perhaps with a savepoint, or one statement."""
    one = st.sampled_from(operations).map(lambda operation: [operation])
    some = st.lists(st.sampled_from(operations), min_size=1, max_size=3)
    finish = st.sampled_from(FINISHES).map(lambda operation: [operation])
    begin = st.sampled_from(BEGINS).map(lambda operation: [operation])
    savepoint = st.just([Savepoint()])
    nested = st.tuples(savepoint, some, finish).map(_joined)
    inside = st.lists(some | nested, min_size=1, max_size=2).map(_joined)
    return one | st.tuples(begin, inside, finish).map(_joined)


def _joined(parts: Any) -> Operations:
    return [operation for part in parts for operation in part]


@st.composite
def programs(draw: Any) -> Program:
    """Programs of two to four sessions, each of which looks at what it can see in the end."""
    chosen = draw(st.lists(st.sampled_from(CHOICE), min_size=1, max_size=2, unique=True))
    operations = [
        operation
        for name in (*ALWAYS, *chosen, *chosen)
        for operation in FEATURES[name]
        if operation not in WRONG
    ]
    session = st.lists(_blocks(operations), min_size=1, max_size=2).map(_joined)
    to_do: list[Operations] = draw(st.lists(session, min_size=2, max_size=4))
    order: list[int] = draw(st.lists(st.integers(0, len(to_do) - 1), max_size=16))
    steps = [Step(number, to_do[number].pop(0)) for number in order if to_do[number]]
    steps += [Step(number, rest) for number, left in enumerate(to_do) for rest in left]
    looks = [look for name in ("transactions", *chosen) for look in OBSERVATIONS.get(name, ())]
    steps += [Step(n, look) for n in range(len(to_do)) for look in looks if look not in WRONG]
    return tuple(steps)

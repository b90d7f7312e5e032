"""Programs at random: few sessions and few features in each, so that steps meet."""

from collections.abc import Collection
from typing import Any

from hypothesis import strategies as st
from tests.programs.catalog import FEATURES
from tests.programs.language import Operation, Program, Step

ALWAYS = ("transactions", "reads", "writes")


@st.composite
def programs(draw: Any, left_out: Collection[str | Operation] = ()) -> Program:
    """Programs of two to four sessions, without certain features and operations."""
    features = [name for name in FEATURES if name not in left_out]
    chosen = draw(st.lists(st.sampled_from(features), min_size=1, max_size=3, unique=True))
    operations = [
        operation
        for name in (*ALWAYS, *chosen, *chosen)
        for operation in FEATURES[name]
        if operation not in left_out
    ]
    sessions = draw(st.integers(2, 4))
    step = st.builds(Step, st.integers(0, sessions - 1), st.sampled_from(operations))
    steps: list[Step] = draw(st.lists(step, min_size=1, max_size=14))
    return tuple(steps)

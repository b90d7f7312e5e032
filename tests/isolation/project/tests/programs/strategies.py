"""Programs at random: few sessions and few features in each, so that steps meet."""

from typing import Any

from hypothesis import strategies as st
from tests.programs.catalog import FEATURES
from tests.programs.known import WRONG
from tests.programs.language import Program, Step

FEATURES_LEFT = [name for name, operations in FEATURES.items() if not WRONG.issuperset(operations)]
ALWAYS = ("transactions", "reads", "writes")


@st.composite
def programs(draw: Any) -> Program:
    """Programs of two to four sessions."""
    chosen = draw(st.lists(st.sampled_from(FEATURES_LEFT), min_size=1, max_size=3, unique=True))
    operations = [
        operation
        for name in (*ALWAYS, *chosen, *chosen)
        for operation in FEATURES[name]
        if operation not in WRONG
    ]
    sessions = draw(st.integers(2, 4))
    step = st.builds(Step, st.integers(0, sessions - 1), st.sampled_from(operations))
    steps: list[Step] = draw(st.lists(step, min_size=1, max_size=14))
    return tuple(steps)

"""For any program, the sandbox shows what PostgreSQL shows, or refuses it by name."""

import os

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.programs.language import Program
from tests.programs.machine import Check, Machine
from tests.programs.strategies import programs

NUMBER = int(os.environ.get("PROGRAMS", "200"))
"""How many programs; the same ones in each run, unless a number is given."""


async def test_no_program_shows_a_third_thing(machine: Machine) -> None:
    @settings(
        max_examples=NUMBER,
        derandomize="PROGRAMS" not in os.environ,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(programs(), st.booleans())
    def test(check: Check, program: Program, freely: bool) -> None:
        check(program, freely)

    await machine.search(test)

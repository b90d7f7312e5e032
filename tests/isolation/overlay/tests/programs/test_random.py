"""For any program, the sandbox shows what PostgreSQL shows, or refuses it by name."""

from hypothesis import given
from tests.programs.language import Program
from tests.programs.machine import Check, Machine
from tests.programs.strategies import FREELY, NUMBER, SETTINGS, programs


async def test_no_program_shows_a_third_thing(machine: Machine) -> None:
    @SETTINGS
    @given(programs(), FREELY)
    def test(check: Check, program: Program, freely: bool) -> None:
        check(program, freely)

    before = machine.verdicts.copy()
    await machine.search(test)
    verdicts = machine.verdicts - before
    print(", ".join(f"{number} {name}" for name, number in verdicts.items()))  # noqa: T201
    assert verdicts["equal"] > NUMBER / 2, "a sandbox that refuses is of little use"

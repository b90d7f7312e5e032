"""The machine finds a sandbox that lies, with no more programs than a default run has."""

from contextlib import suppress

import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Flaky
from tests.programs.language import Program
from tests.programs.lies import LIES, Lie
from tests.programs.machine import Check, Machine, ThirdThingError
from tests.programs.strategies import FREELY, SETTINGS, programs


@pytest.mark.parametrize("lie", LIES, ids=[lie.__name__ for lie in LIES])
async def test_a_lie_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch, lie: Lie) -> None:
    @hypothesis_settings(SETTINGS, phases=[Phase.explicit, Phase.generate])
    @given(programs(), FREELY)
    def test(check: Check, program: Program, freely: bool) -> None:
        check(program, freely)

    before = machine.verdicts["a third thing"]
    with monkeypatch.context() as patch, suppress(ThirdThingError, Flaky):
        lie(patch)
        await machine.renew()
        await machine.search(test)
    await machine.renew()
    assert machine.verdicts["a third thing"] > before

"""Whatever the sandbox lies about, a program of the default run finds it."""

import pytest
from tests.programs.cases import CASES
from tests.programs.lies import LIES, Lie
from tests.programs.machine import Machine


@pytest.mark.parametrize("lie", LIES, ids=[lie.__name__ for lie in LIES])
async def test_a_lie_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch, lie: Lie) -> None:
    case = CASES[LIES[lie]]
    with monkeypatch.context() as patch:
        lie(patch)
        await machine.renew()
        verdict, shown = await machine.run(case.program, freely=case.freely)
    await machine.renew()
    assert verdict.name not in case.expected, f"\n{shown}"

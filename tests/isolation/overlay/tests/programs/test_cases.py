"""Every program with a name gets its verdict, and every operation that of the documents."""

import pytest
from tests.programs.cases import CASES, Case
from tests.programs.catalog import FEATURES
from tests.programs.known import WRONG
from tests.programs.language import Begin, Finish, Operation, program
from tests.programs.machine import Machine
from tests.programs.table import REFUSED

OPERATIONS = {
    f"{feature}: {operation}": operation
    for feature, operations in FEATURES.items()
    for operation in operations
    if operation not in WRONG
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_case(machine: Machine, case: Case) -> None:
    verdict, shown = await machine.run(case.program, freely=case.freely)
    if verdict.name not in case.expected:
        verdict, shown = await machine.run(case.program, freely=case.freely, slowly=True)
    assert verdict.name in case.expected, f"\n{shown}"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_an_operation_is_refused_only_if_the_documents_say_so(
    machine: Machine, operation: Operation
) -> None:
    steps = (0, Begin()), (0, operation), (0, Finish("commit")), (0, operation)
    expected = "refused" if operation in REFUSED else "equal"
    verdict, shown = await machine.run(program(*steps))
    if verdict.name != expected:
        verdict, shown = await machine.run(program(*steps), slowly=True)
    assert verdict.name == expected, f"\n{shown}"

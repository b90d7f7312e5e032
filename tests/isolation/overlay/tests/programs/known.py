"""What the sandbox does not get right yet, and what the random programs therefore leave out.

Remove what you have repaired from this list; the machine checks whether it is.
"""

from tests.programs.language import Operation

REFUSALS_ARE_FINDINGS = True
"""Whether a refusal that a program swallows is reported at the end of the test."""

READS_DO_NOT_WAIT = True
"""Whether sessions that run freely see the state before, beside a session that writes."""

WRONG: frozenset[Operation] = frozenset()

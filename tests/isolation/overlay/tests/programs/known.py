"""What the sandbox does not get right yet, and what the random programs therefore leave out.

Whoever repairs something takes it off this list; the machine finds out whether that is so.
"""

from tests.programs.language import Operation

REFUSALS_ARE_FINDINGS = True
"""Whether a refusal that a program swallows is reported at the end of the test."""

READS_DO_NOT_WAIT = True
"""Whether sessions that run freely see the state before, beside a session that writes."""

WRONG: frozenset[Operation] = frozenset()

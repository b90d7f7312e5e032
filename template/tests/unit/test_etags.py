import pytest
from pydantic import BaseModel

from app import etags
from app.errors import PreconditionFailedError


class Row(BaseModel):
    id: int = 7
    name: str = "a"


ETAG = etags.etag(Row(), Row)


def test_an_etag_changes_with_everything_shown() -> None:
    assert etags.etag(Row(), Row) == ETAG
    assert len({ETAG, etags.etag(Row(id=8), Row), etags.etag(Row(name="b"), Row)}) == 3


@pytest.mark.parametrize("if_match", [None, ETAG, f'"other", {ETAG}', "*", " * "])
def test_a_row_that_the_client_has_seen_may_change(if_match: str | None) -> None:
    etags.require(if_match, Row)(Row())


@pytest.mark.parametrize("if_match", ["", '"other"', f"W/{ETAG}", ETAG.strip('"')])
def test_a_row_that_the_client_has_not_seen_as_it_is_must_not_change(if_match: str) -> None:
    with pytest.raises(PreconditionFailedError):
        etags.require(if_match, Row)(Row())

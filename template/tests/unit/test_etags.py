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


@pytest.mark.parametrize("if_match", ["", '"other"', 'W/"other"', ETAG.strip('"')])
def test_a_row_that_the_client_has_not_seen_as_it_is_must_not_change(if_match: str) -> None:
    with pytest.raises(PreconditionFailedError, match="has changed"):
        etags.require(if_match, Row)(Row())


def test_a_weak_etag_is_called_so() -> None:
    with pytest.raises(PreconditionFailedError, match="strong ETag"):
        etags.require(f"W/{ETAG}", Row)(Row())

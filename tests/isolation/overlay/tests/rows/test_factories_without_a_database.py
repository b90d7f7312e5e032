import pytest
from tests.rows.test_factories import AccountFactory, PostFactory


@pytest.fixture(autouse=True)
def clean_start() -> None:
    """No test here has a database."""


def test_an_object_can_be_built() -> None:
    post = PostFactory.build(title="built")
    assert post.title == "built"
    assert post.account.name
    assert post.id is None


def test_several_objects_can_be_built() -> None:
    assert len({account.name for account in AccountFactory.build_batch(3)}) == 3


async def test_writing_a_row_says_which_fixture_is_missing() -> None:
    with pytest.raises(RuntimeError, match=r"AccountFactory has no database here: .*`db_session`"):
        await AccountFactory.acreate()

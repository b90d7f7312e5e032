"""Factories: all of factory_boy, for rows that the application sees as committed."""

from typing import Any

import pytest
from factory.declarations import (
    LazyAttribute,
    RelatedFactoryList,
    Sequence,
    SubFactory,
    Trait,
)
from factory.faker import Faker
from factory.helpers import post_generation
from httpx import AsyncClient
from probe.models import Account, Post
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from tests.rows.conftest import Names

from tests.factories.base import AsyncFactory
from tests.fixtures.assert_queries import AssertQueries


class AccountFactory(AsyncFactory[Account]):
    class Meta:
        model = Account

    class Params:
        famous = Trait(note="famous", name=Sequence(lambda n: f"star {n}"))

    name = Sequence(lambda n: f"name {n}")
    note = LazyAttribute(lambda account: f"{account.name} is nobody")

    @post_generation  # type: ignore[untyped-decorator]
    def posts_to_make(self: Account, create: bool, number: int | None, **_: Any) -> None:
        if number:
            PostFactory.create_batch(number, account=self)


class PostFactory(AsyncFactory[Post]):
    class Meta:
        model = Post

    title = Faker("word")
    account = SubFactory(AccountFactory)


class PosterFactory(AccountFactory):
    posted = RelatedFactoryList(PostFactory, factory_related_name="account", size=2)


class KnownFactory(AccountFactory):
    class Meta:
        model = Account
        sqlalchemy_get_or_create = ("name",)


async def count(db_session: AsyncSession, model: type[Any]) -> int:
    return (await db_session.execute(select(func.count()).select_from(model))).scalar_one()


async def test_a_row_is_seen_by_the_application(client: AsyncClient) -> None:
    account = await AccountFactory.acreate(name="bob")
    assert (await client.get(f"/accounts/{account.id}")).json()["name"] == "bob"


async def test_what_the_database_sets_is_known(db_session: AsyncSession) -> None:
    account = await AccountFactory.acreate()
    assert account.id is not None
    assert account.created_at is not None
    assert account in db_session


async def test_sequences_lazy_attributes_and_traits(names: Names) -> None:
    first, second = await AccountFactory.acreate_batch(2)
    star = await AccountFactory.acreate(famous=True)
    assert first.name != second.name
    assert first.note == f"{first.name} is nobody"
    assert (star.name[:4], star.note) == ("star", "famous")
    assert await names() == [first.name, second.name, star.name]


async def test_sub_factories_make_what_a_row_needs() -> None:
    post = await PostFactory.acreate(account__name="author")
    assert post.account.name == "author"
    assert post.account_id == post.account.id


async def test_sub_factories_take_what_is_there(db_session: AsyncSession) -> None:
    account = await AccountFactory.acreate()
    posts = await PostFactory.acreate_batch(3, account=account)
    assert {post.account_id for post in posts} == {account.id}
    assert await count(db_session, Account) == 1


async def test_related_factories_make_what_needs_the_row(db_session: AsyncSession) -> None:
    account = await PosterFactory.acreate()
    owners = (await db_session.scalars(select(Post.account_id))).all()
    assert owners == [account.id, account.id]


async def test_hooks_after_the_generation_may_make_more(db_session: AsyncSession) -> None:
    await AccountFactory.acreate(posts_to_make=3)
    assert await count(db_session, Post) == 3


async def test_get_or_create_finds_what_is_there(db_session: AsyncSession) -> None:
    created = await KnownFactory.acreate(name="known")
    found = await KnownFactory.acreate(name="known")
    assert found is created
    assert await count(db_session, Account) == 1


async def test_a_rejected_row_is_an_error_and_has_no_other_effect(names: Names) -> None:
    first = await AccountFactory.acreate(name="taken")
    with pytest.raises(IntegrityError):
        await AccountFactory.acreate(name="taken")
    assert first.note == "taken is nobody"
    await AccountFactory.acreate(name="free")
    assert await names() == ["taken", "free"]


async def test_a_factory_costs_one_statement_a_row(assert_queries: AssertQueries) -> None:
    with assert_queries(2):
        await PostFactory.acreate()
    with assert_queries(10):
        await AccountFactory.acreate_batch(10)


async def test_a_factory_may_be_derived_from_one_that_was_used() -> None:
    await AccountFactory.acreate()

    class Derived(AccountFactory):
        class Meta:
            model = Account

        note = LazyAttribute(lambda account: "derived")

    assert (await Derived.acreate()).note == "derived"


async def test_writing_a_row_without_await_says_how_to_do_it() -> None:
    with pytest.raises(RuntimeError, match=r"await AccountFactory.acreate\(...\)"):
        AccountFactory.create()

"""Rules of access are kept whatever a resolver returns: these schemas have the mistakes for it."""

from collections.abc import AsyncIterator
from typing import Generic

import pytest
import strawberry
from unit.api.askers import (
    ADMIN,
    COORDINATOR_HERE,
    COORDINATOR_THERE,
    HERE,
    MINE,
    OTHER,
    REFUSED,
    STUDENT,
    THEIRS,
    Asker,
    T,
    asked,
)

from erasmus_app.api.schema import GuardedSchema, access
from erasmus_app.api.schema.access import (
    ADMINISTRATOR,
    COORDINATOR,
    OWNER,
    PART,
    PUBLIC,
    SIGNED_IN,
    Rule,
    Whose,
)
from erasmus_app.identity.roles import Standing


def papers(rule: Rule, whose: Whose, *, narrower: Rule | None = None) -> GuardedSchema:
    """A schema whose resolvers return this object, whoever asks."""

    @access.rule(PART)
    @strawberry.type
    class Page:
        text: str

    @access.rule(rule)
    @strawberry.type
    class Paper:
        whose: strawberry.Private[Whose]
        title: str = "a title"

        @access.field(rule if narrower is None else narrower)
        def secret(self) -> str:
            return "a secret"

        @access.field(rule)
        async def pages(self) -> list[Page]:
            return [Page(text="a page")]

    @strawberry.type
    class Query:
        @access.field(SIGNED_IN)
        async def paper(self) -> Paper | None:
            return Paper(whose=whose)

        @access.field(SIGNED_IN)
        def papers(self) -> list[Paper]:
            return [Paper(whose=MINE), Paper(whose=whose)]

    @strawberry.type
    class Mutation:
        @access.mutation(SIGNED_IN)
        async def write(self) -> Paper:
            return Paper(whose=whose)

    @strawberry.type
    class Subscription:
        @access.subscription(SIGNED_IN)
        async def written(self) -> AsyncIterator[Paper]:
            yield Paper(whose=whose)

    return GuardedSchema(query=Query, mutation=Mutation, subscription=Subscription)


@pytest.mark.parametrize(
    ("rule", "role", "whose", "allowed"),
    [
        (OWNER, STUDENT, MINE, True),
        (OWNER, STUDENT, THEIRS, False),
        (OWNER, STUDENT, Whose(None, HERE), False),
        (OWNER, COORDINATOR_HERE, THEIRS, False),
        (OWNER, ADMIN, THEIRS, False),
        (OWNER | COORDINATOR, STUDENT, MINE, True),
        (OWNER | COORDINATOR, STUDENT, THEIRS, False),
        (OWNER | COORDINATOR, COORDINATOR_HERE, THEIRS, True),
        (OWNER | COORDINATOR, COORDINATOR_THERE, THEIRS, False),
        (OWNER | COORDINATOR, COORDINATOR_HERE, Whose(OTHER), False),
        (OWNER | COORDINATOR, ADMIN, THEIRS, False),
        (COORDINATOR, STUDENT, MINE, False),
        (COORDINATOR | ADMINISTRATOR, ADMIN, THEIRS, True),
        (ADMINISTRATOR, STUDENT, MINE, False),
        (ADMINISTRATOR, COORDINATOR_HERE, THEIRS, False),
        (ADMINISTRATOR, ADMIN, THEIRS, True),
        (SIGNED_IN, STUDENT, THEIRS, True),
        (PUBLIC, STUDENT, THEIRS, True),
    ],
)
async def test_an_object_is_for_those_whom_its_rule_names_whatever_the_resolver_returned(
    rule: Rule, role: Standing, whose: Whose, allowed: bool
):
    made = papers(rule, whose)
    whole = {"title": "a title", "secret": "a secret", "pages": [{"text": "a page"}]}

    found = await asked(made, "{ paper { title secret pages { text } } }", role)
    assert found == ({"paper": whole} if allowed else (REFUSED, {"paper": None}))
    found = await asked(made, "mutation { write { title } }", role)
    assert found == ({"write": {"title": "a title"}} if allowed else (REFUSED, None))


async def test_one_of_anothers_in_a_list_of_ones_own_refuses_the_list():
    assert await asked(papers(OWNER, MINE), "{ papers { title } }") == {
        "papers": [{"title": "a title"}] * 2
    }
    assert await asked(papers(OWNER, THEIRS), "{ papers { title } }") == (REFUSED, None)


async def test_what_a_subscription_brings_is_looked_at_as_well():
    for whose, allowed in ((MINE, True), (THEIRS, False)):
        events = await papers(OWNER, whose).subscribe(
            "subscription { written { title } }", context_value=Asker(STUDENT)
        )
        found = [event async for event in events]
        assert [(each.data, bool(each.errors)) for each in found] == [
            ({"written": {"title": "a title"}}, False) if allowed else (None, True)
        ]


async def test_a_field_may_be_for_fewer_than_its_object():
    made = papers(OWNER | COORDINATOR, THEIRS, narrower=OWNER)
    query = "{ paper { title secret } }"

    assert await asked(made, "{ paper { title } }", COORDINATOR_HERE) == {
        "paper": {"title": "a title"}
    }
    assert await asked(made, query, COORDINATOR_HERE) == (REFUSED, {"paper": None})
    mine = papers(OWNER | COORDINATOR, MINE, narrower=COORDINATOR)
    assert await asked(mine, query) == (REFUSED, {"paper": None})
    assert await asked(mine, query, COORDINATOR_HERE) == {
        "paper": {"title": "a title", "secret": "a secret"}
    }


async def test_an_attribute_may_have_a_rule_of_its_own():
    @access.rule(OWNER | COORDINATOR)
    @strawberry.type
    class Paper:
        whose: strawberry.Private[Whose]
        title: str
        note: str = access.field(OWNER)

    @strawberry.type
    class Query:
        @access.field(SIGNED_IN)
        def paper(self) -> Paper | None:
            return Paper(whose=THEIRS, title="a title", note="a note")

    made = GuardedSchema(query=Query)
    seen = await asked(made, "{ paper { title } }", COORDINATOR_HERE)
    assert seen == {"paper": {"title": "a title"}}
    assert await asked(made, "{ paper { note } }", COORDINATOR_HERE) == (REFUSED, {"paper": None})


async def test_what_is_made_of_a_generic_type_has_the_rule_of_that():
    @access.rule(PART)
    @strawberry.type
    class Page(Generic[T]):
        items: list[T]

    @access.rule(OWNER)
    @strawberry.type
    class Paper:
        whose: strawberry.Private[Whose]
        title: str

    @access.rule(OWNER)
    @strawberry.type
    class Shelf(Generic[T]):
        whose: strawberry.Private[Whose]
        items: list[T]

    @strawberry.type
    class Query:
        @access.field(SIGNED_IN)
        def page(self, mine: bool) -> Page[Paper]:
            return Page(items=[Paper(whose=MINE if mine else THEIRS, title="a title")])

        @access.field(SIGNED_IN)
        def shelf(self, mine: bool) -> Shelf[Paper]:
            return Shelf(whose=MINE if mine else THEIRS, items=[])

    made = GuardedSchema(query=Query)
    assert await asked(
        made, "{ page(mine: true) { items { title } } shelf(mine: true) { items { title } } }"
    ) == {"page": {"items": [{"title": "a title"}]}, "shelf": {"items": []}}
    for refused in ("page", "shelf"):
        query = f"{{ {refused}(mine: false) {{ items {{ title }} }} }}"
        assert await asked(made, query) == (REFUSED, None)


async def test_ones_own_is_answered_without_looking_up_what_one_is():
    asker = Asker(STUDENT)
    made = papers(OWNER | COORDINATOR | ADMINISTRATOR, MINE)
    query = "{ paper { title secret } papers { title } }"

    result = await made.execute(query, context_value=asker)
    assert (result.errors, asker.looked_up) == (None, 0)


@pytest.mark.parametrize(
    ("rule", "role", "allowed"),
    [
        (SIGNED_IN, STUDENT, True),
        (OWNER, STUDENT, True),
        (COORDINATOR, STUDENT, False),
        (COORDINATOR, COORDINATOR_THERE, True),
        (COORDINATOR, ADMIN, False),
        (ADMINISTRATOR, STUDENT, False),
        (ADMINISTRATOR, COORDINATOR_HERE, False),
        (ADMINISTRATOR, ADMIN, True),
        (COORDINATOR | ADMINISTRATOR, ADMIN, True),
    ],
)
async def test_what_a_root_field_is_for_is_looked_at_before_its_resolver_is_called(
    rule: Rule, role: Standing, allowed: bool
):
    called = []

    @strawberry.type
    class Query:
        @access.field(rule)
        def count(self) -> int:
            called.append("count")
            return 1

        @access.field(rule)
        async def later(self) -> int:
            called.append("later")
            return 2

    @strawberry.type
    class Subscription:
        @access.subscription(rule)
        async def ticks(self) -> AsyncIterator[int]:
            called.append("ticks")
            yield 3

    made = GuardedSchema(query=Query, subscription=Subscription)
    found = await asked(made, "{ count later }", role)
    assert found == ({"count": 1, "later": 2} if allowed else (REFUSED, None))
    events = await made.subscribe("subscription { ticks }", context_value=Asker(role))
    assert [each.data async for each in events] == ([{"ticks": 3}] if allowed else [None])
    assert called == (["count", "later", "ticks"] if allowed else [])


async def test_something_else_than_the_schema_says_is_refused_unread():
    class Lookalike:
        title, whose = "somebody's", MINE

    @access.rule(OWNER)
    @strawberry.type
    class Paper:
        whose: strawberry.Private[Whose]
        title: str

    @strawberry.type
    class Query:
        @access.field(SIGNED_IN)
        def paper(self) -> Paper:
            return Lookalike()  # type: ignore[return-value]

    assert await asked(GuardedSchema(query=Query), "{ paper { title } }") == (REFUSED, None)


async def test_a_field_for_administrators_of_what_all_may_see_is_kept():
    @access.rule(SIGNED_IN)
    @strawberry.type
    class University:
        name: str

        @access.field(ADMINISTRATOR)
        def refusals(self) -> int:
            return 3

    @strawberry.type
    class Query:
        @access.field(SIGNED_IN)
        def university(self) -> University | None:
            return University(name="a name")

    made = GuardedSchema(query=Query)
    query = "{ university { name refusals } }"
    assert await asked(made, "{ university { name } }") == {"university": {"name": "a name"}}
    assert await asked(made, query) == (REFUSED, {"university": None})
    assert await asked(made, query, ADMIN) == {"university": {"name": "a name", "refusals": 3}}

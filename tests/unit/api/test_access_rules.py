"""The rules beside fields and routes: what is refused when a schema or an application is made, and
what when it is asked. The schemas here have the mistakes that ours must not have."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import pytest
import strawberry
from litestar import Litestar, Router, asgi, get
from litestar.openapi import OpenAPIConfig
from strawberry.scalars import JSON

from erasmus_app.api.rest import ROUTES
from erasmus_app.api.rest.access import RouteUndeclared, declared, keep
from erasmus_app.api.schema import GuardedSchema, access, schema
from erasmus_app.api.schema.access import (
    ADMINISTRATOR,
    COORDINATOR,
    OWNER,
    PART,
    PUBLIC,
    SIGNED_IN,
    AccessUndeclared,
    Rule,
    Whose,
)
from erasmus_app.errors import Forbidden
from erasmus_app.identity.models import Session
from erasmus_app.identity.roles import HeiRole, RoleAt, Standing
from erasmus_app.ids import AccountId, HeiId

HERE, THERE = HeiId("here.example"), HeiId("there.example")
ME, OTHER = AccountId(UUID(int=1)), AccountId(UUID(int=2))
MINE, THEIRS = Whose(ME, HERE), Whose(OTHER, HERE)

T = TypeVar("T")
SESSION = Session(
    account_id=ME, session_id=UUID(int=9), expires_at=datetime.max.replace(tzinfo=UTC)
)


@dataclass
class Asker:
    """Somebody whose standing is counted when it is looked up."""

    found: Standing
    session: Session = SESSION
    looked_up: int = 0

    async def standing(self) -> Standing:
        self.looked_up += 1
        await asyncio.sleep(0)
        return self.found


STUDENT = Standing(account_id=ME, roles=(RoleAt(hei=HERE, role=HeiRole.STUDENT),))
ADMIN = Standing(account_id=ME, is_administrator=True)


def coordinator(hei: HeiId) -> Standing:
    roles = (RoleAt(hei=hei, role=HeiRole.COORDINATOR), RoleAt(hei=hei, role=HeiRole.STAFF))
    return Standing(account_id=ME, roles=roles)


COORDINATOR_HERE, COORDINATOR_THERE = coordinator(HERE), coordinator(THERE)


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


async def asked(made: GuardedSchema, query: str, role: Standing = STUDENT) -> Any:
    """The data, or the kinds of errors."""
    result = await made.execute(query, context_value=Asker(role))
    if result.errors:
        return {type(each.original_error) for each in result.errors}, result.data
    return result.data


REFUSED = {Forbidden}


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


def made_with(**fields: Any) -> str:
    """What is said about a schema whose root has these fields."""

    def bare() -> int:
        return 1

    declared_fields = {"fine": access.field(SIGNED_IN)(bare)} | fields
    query = strawberry.type(type("Query", (), declared_fields))
    with pytest.raises(AccessUndeclared) as refusal:
        GuardedSchema(query=query)
    return str(refusal.value)


def test_a_field_without_a_rule_stops_the_making_and_is_told_what_to_write():
    def exports() -> int:
        return 1

    said = made_with(exports=strawberry.field(exports))
    assert said.startswith(
        "Query.exports: has no rule of access; write `@access.field(OWNER, description=...)`"
    )


def test_a_type_without_a_rule_stops_the_making_and_is_told_what_to_write():
    @strawberry.type
    class Consent:
        text: str

    def consent() -> Consent:
        raise NotImplementedError

    said = made_with(consent=access.field(OWNER)(consent))
    assert said.startswith("Consent: says not who may have it; write `@access.rule(OWNER)`")


def test_a_field_with_a_resolver_is_not_covered_by_its_type():
    @access.rule(PART)
    @strawberry.type
    class Consent:
        text: str

        @strawberry.field
        def history(self) -> list[str]:
            return []

    def consent() -> Consent:
        raise NotImplementedError

    said = made_with(consent=access.field(OWNER)(consent))
    assert said.startswith("Consent.history: has no rule of access")


def test_a_rule_that_would_not_be_kept_stops_the_making():
    @access.rule(OWNER)
    @strawberry.type
    class Consent:
        whose: strawberry.Private[Whose]

        @access.field(OWNER | COORDINATOR)
        def text(self) -> str:
            return ""

    def consent() -> Consent:
        raise NotImplementedError

    def part() -> int:
        raise NotImplementedError

    said = made_with(consent=access.field(OWNER)(consent), part=access.field(PART)(part))
    assert "Consent.text: OWNER | COORDINATOR is wider than its type's OWNER" in said
    assert "Query.part: PART is for the fields of objects" in said


def test_a_type_for_its_owner_has_to_say_whose_it_is():
    with pytest.raises(AccessUndeclared, match="Consent: OWNER needs to know whose an object is"):

        @access.rule(OWNER)
        @strawberry.type
        class Consent:
            text: str


def test_an_argument_that_takes_in_anything_stops_the_making():
    @strawberry.input
    class Wish:
        more: JSON

    def set_language(data: JSON) -> int:
        raise NotImplementedError

    def wish(wish: Wish) -> int:
        raise NotImplementedError

    said = made_with(setLanguage=access.field(OWNER)(set_language), wish=access.field(OWNER)(wish))
    assert "setLanguage(data:): JSON takes in anything" in said
    assert "Wish(more:): JSON takes in anything" in said


def test_every_field_of_ours_has_its_rule():
    every = {
        f"{name}.{each}"
        for name, kind in schema._schema.type_map.items()
        if not name.startswith("__") and hasattr(kind, "is_type_of")
        for each in kind.fields
    }

    assert set(schema.access.fields) == every
    assert schema.access.fields["Student.mobilities"] is OWNER
    assert schema.access.fields["Institution.name"] is PUBLIC
    assert schema.access.objects["Mobility"] is OWNER


def app(*handlers: Any, **more: Any) -> Litestar:
    return declared(Litestar(handlers, guards=[keep], openapi_config=None, **more))


def test_an_application_with_a_route_without_a_rule_is_not_made():
    @get("/who", sync_to_thread=False)
    def who() -> str:
        return ""

    @get("/what", opt={"access": "sign_in"}, sync_to_thread=False)
    def what() -> str:
        return ""

    @asgi("/mounted", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(RouteUndeclared) as refusal:
        app(who, what, mounted, *ROUTES)
    said = str(refusal.value).splitlines()
    assert len(said) == 3
    assert any(each.startswith("/who") and "has no rule of access" in each for each in said)
    assert any(each.startswith("/what") and "there is no rule 'sign_in'" in each for each in said)
    assert any(each.startswith("/mounted") and "ewp, signed_in" in each for each in said)


def test_litestars_own_pages_need_a_rule_as_well():
    with pytest.raises(RouteUndeclared, match="/openapi"):
        declared(
            Litestar(
                openapi_config=OpenAPIConfig(
                    title="", version="", openapi_router=Router("/openapi", route_handlers=[])
                )
            )
        )

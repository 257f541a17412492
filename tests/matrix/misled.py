"""A schema of ours in which one resolver acts for somebody else than who asks."""

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, GraphQLUnionType
from matrix.asking import ANYBODY, House, answer, given_for, house
from matrix.judging import SOMEBODYS
from matrix.people import Person
from matrix.walk import Query, Walk, named, told

from erasmus_app.api.access import Rule
from erasmus_app.api.schema import GuardedSchema, make_schema
from erasmus_app.api.schema.access import Access
from erasmus_app.identity.models import Session

NEED_MORE = {
    "Mutation.confirmMailAddress": "a code that was mailed: tests/api/test_mail_addresses.py",
    "Mutation.completeLinking": "a proof that a browser has brought: tests/api/test_linking.py",
}
"""Resolvers that hand out nothing for ids and values alone, and who asks them what they need."""


class MisledSchema(GuardedSchema):
    """Ours, but for that resolver."""

    misled: tuple[str, Session] | None = None  # `Type.field`, and for whom it acts

    def act_for(self, where: str, student: Person) -> None:
        """Let the resolver of `Type.field` act for a student, whoever asks."""
        assert student.session is not None
        self.misled = (where, student.session)

    def guarded(self) -> Access:
        self.mislead()
        return super().guarded()

    def mislead(self) -> None:
        """Let every resolver be one that may act for another."""
        for name, kind in Walk(self._schema).objects().items():
            for each, found in kind.fields.items():
                if found.extensions["strawberry-definition"].base_resolver is not None:
                    self._may_mislead(f"{name}.{each}", found)

    def _may_mislead(self, where: str, found: GraphQLField) -> None:
        resolve = found.subscribe or found.resolve
        assert resolve is not None

        def resolver(source: Any, info: Any, **given: Any) -> Any:
            if self.misled is not None and self.misled[0] == where:
                wrong = replace(info.context, session=self.misled[1], _standing=None)
                info = info._replace(context=wrong)
            return resolve(source, info, **given)

        if found.subscribe is not None:
            found.subscribe = resolver
        else:
            found.resolve = resolver


@asynccontextmanager
async def misled_house(
    dsn: str, valkey: str, folder: Path, kind: type[MisledSchema] = MisledSchema
) -> AsyncIterator[tuple[House, MisledSchema]]:
    """A house that serves such a schema."""
    made = make_schema(kind)
    assert isinstance(made, MisledSchema)
    async with house(dsn, valkey, folder, graphql=made) as here:
        yield here, made


def _handed_out(kind: GraphQLNamedType, access: Access, above: tuple[str, ...] = ()) -> set[Rule]:
    """The rules of the objects that a value of this type is, or that come along in its parts."""
    if isinstance(kind, GraphQLUnionType):
        return set().union(*(_handed_out(each, access, above) for each in kind.types))
    if not isinstance(kind, GraphQLObjectType) or kind.name in above:
        return set()
    rule = access.objects[kind.name]
    if rule & SOMEBODYS:
        return {rule}
    inner = (named(each) for each in kind.fields.values())
    return set().union(*(_handed_out(each, access, (*above, kind.name)) for each in inner))


def handing_out(made: GuardedSchema) -> Iterator[tuple[str, tuple[str, ...], str, set[Rule]]]:
    """The resolvers that hand out somebody's objects: the way to each, and the objects' rules."""
    walk = Walk(made._schema)
    for name, kind in walk.objects().items():
        for each, found in kind.fields.items():
            if found.extensions["strawberry-definition"].base_resolver is None:
                continue
            if f"{name}.{each}" in NEED_MORE:
                continue
            if rules := _handed_out(named(found), made.access):
                if (own := made.access.fields[f"{name}.{each}"]) & SOMEBODYS:
                    rules |= {own}  # which may be narrower than that of its objects
                way = walk.path_to(name)
                assert way is not None, f"{name}: no way leads there but through a union"
                yield way[0], (*way[1], each), f"{name}.{each}", rules


def whom_it_concerns(here: House, rules: set[Rule], student: Person) -> Person:
    """Whom a resolver would act for that hands out what is held of a student: who may have it."""
    if all(Rule.OWNER in each for each in rules):
        return student
    return next(each for each in here.people if each.coordinates == student.home)


async def ask_misled(
    here: House,
    made: MisledSchema,
    word: str,
    path: tuple[str, ...],
    asker: Person | None,
    subject: Person,
    allowed: bool,
) -> set[str]:
    """Ask for all that a misled resolver hands out; return the fields that were asked for."""
    walk, fresh = Walk(made._schema), f"fid-{secrets.token_hex(8)}"
    on_the_way, asked = walk.on_the_way(word, path), set()
    for query in walk.split(word, path, given_for(subject.given, fresh)):
        inside = query.asks - on_the_way
        status, body = await answer(here.bed, asker, query)
        if asker is ANYBODY:
            if (status, "data" in body) != (401, False):
                here.matrix.failed(query.where, asker, subject, f"was answered {status}")
        elif allowed:
            here.judge(query, asker, body)
            if "errors" in body or not any(way[-1] in inside for way, _ in told(body["data"])):
                words = f"was refused: {json.dumps(body)[:300]}"
                here.matrix.failed(query.where, asker, subject, words)
        else:
            _judge_refusal(here, query, path, asker, subject, body)
        for each in inside:
            here.matrix.looked(each, asker, subject)
        asked |= inside
    return asked


def _judge_refusal(
    here: House,
    query: Query,
    path: tuple[str, ...],
    asker: Person | None,
    subject: Person,
    body: dict[str, Any],
) -> None:
    """A refusal is one at the place of what was handed out, and tells nothing."""
    words, errors = json.dumps(body), body.get("errors", [])
    if not errors and len(path) > 1 and body["data"][path[0]] is None:
        return  # what it is in was not let out to begin with
    codes = {each["extensions"]["code"] for each in errors}
    places = {tuple(each.get("path", ()))[: len(path)] for each in errors}
    if (codes, places) != ({"forbidden"}, {path}):
        here.matrix.failed(query.where, asker, subject, f"was not refused: {words[:300]}")
    if any(each in words for each in subject.everything()):
        here.matrix.failed(query.where, asker, subject, f"tells what is theirs: {words[:300]}")

"""Every field × everybody who asks × every student: answered or refused, just as its rule says.

Once as the fields are, with the ids of each student; and once with every resolver that hands out
somebody's objects acting for the wrong student, so that the rule alone stands between.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, GraphQLUnionType
from matrix.asking import ANYBODY, MAYBE_EMPTY, House, answer, digests, given_for, house
from matrix.judging import may
from matrix.people import NOW, Person, nobodys_id
from matrix.walk import Walk, named, told

from erasmus_app.api.access import Rule
from erasmus_app.api.schema import GuardedSchema, make_schema, schema
from erasmus_app.api.schema.access import Access
from erasmus_app.identity.models import Session

SOMEBODYS = Rule.OWNER | Rule.COORDINATOR | Rule.ADMINISTRATOR


async def test_nobody_gets_or_changes_by_any_field_what_its_rule_does_not_give_them(
    dsn: str, valkey: str, tmp_path: Path, record_property: Callable[[str, object], None]
):
    walk = Walk(schema._schema)
    reached: dict[str, list[Any]] = {}
    async with house(dsn, valkey, tmp_path) as here:
        for asker in here.askers:
            others = [each for each in here.students if each is not asker]
            before = await digests(here.bed, others)
            for subject in [*others, *([asker] if asker in here.students else [])]:
                last = subject is asker or (asker not in here.students and subject is others[-1])
                await _ask_everything(here, walk, asker, subject, last, reached)
            for key, digest in (await digests(here.bed, others)).items():
                if digest != before[key]:
                    here.matrix.wrong.append(f"{asker.key if asker else 'anonymous'} changed {key}")

    assert here.matrix.wrong == []
    unreached = {
        each
        for each in walk.fields()
        if all(value in (None, []) for value in reached.get(each, [])) and each not in MAYBE_EMPTY
    }
    assert unreached == set(), "seed it in tests/matrix/people.py, or give its arguments"
    assert here.matrix.missing(walk.fields(), here.askers, here.students) == []
    record_property(
        "matrix",
        f"{len(here.matrix.seen)} cells, {len(walk.fields())} of {len(walk.fields())} fields × "
        f"{len(here.askers)} who ask × {len(here.students)} who are asked about",
    )


async def _ask_everything(
    here: House,
    walk: Walk,
    asker: Person | None,
    subject: Person,
    last: bool,
    reached: dict[str, list[Any]],
) -> None:
    """Ask for every field, with the ids of one student; what takes none is asked once."""
    fresh = f"fid-{secrets.token_hex(8)}"
    theirs = list(walk.whole(given_for(subject.ids.__getitem__, fresh)))
    nobodys = list(walk.whole(given_for(lambda _: [nobodys_id()], fresh)))
    for query, unknown in zip(theirs, nobodys, strict=True):
        names_them = query.variables != unknown.variables
        if not (names_them or last):
            continue
        status, body = await answer(here.bed, asker, query)
        here.judge(query, asker, body)
        if asker is ANYBODY:
            if (status, "data" in body) != (401, False):
                here.matrix.failed(query.where, asker, subject, f"was answered {status}")
        elif asker is subject:
            if "errors" in body:
                here.matrix.failed(query.where, asker, subject, f"was refused: {body['errors']}")
            for way, value in told(body["data"]):
                reached.setdefault(way[-1], []).append(value)
        elif names_them and (status, body) != await answer(here.bed, asker, unknown):
            words = "is answered otherwise than an id that nothing has"
            here.matrix.failed(query.where, asker, subject, words)
        for each in query.asks:
            for student in [subject] if names_them else here.students:
                here.matrix.looked(each, asker, student)


class MisledSchema(GuardedSchema):
    """Ours, but that one resolver acts for somebody else than who asks."""

    misled: tuple[str, Session] | None = None  # `Type.field`, and for whom it acts

    def guarded(self) -> Access:
        for name, kind in Walk(self._schema).objects().items():
            for each, found in kind.fields.items():
                if found.extensions["strawberry-definition"].base_resolver is not None:
                    self._may_mislead(f"{name}.{each}", found)
        return super().guarded()

    def _may_mislead(self, where: str, found: GraphQLField) -> None:
        resolve = found.resolve
        assert resolve is not None

        def resolver(source: Any, info: Any, **given: Any) -> Any:
            if self.misled is not None and self.misled[0] == where:
                wrong = replace(info.context, session=self.misled[1])
                info = info._replace(context=wrong)
            return resolve(source, info, **given)

        found.resolve = resolver


def handed_out(kind: GraphQLNamedType, access: Access, above: tuple[str, ...] = ()) -> set[Rule]:
    """The rules of the objects that a value of this type is, or that come along in its parts."""
    if isinstance(kind, GraphQLUnionType):
        return set().union(*(handed_out(each, access, above) for each in kind.types))
    if not isinstance(kind, GraphQLObjectType) or kind.name in above:
        return set()
    rule = access.objects[kind.name]
    if rule & SOMEBODYS:
        return {rule}
    inner = (named(each) for each in kind.fields.values())
    return set().union(*(handed_out(each, access, (*above, kind.name)) for each in inner))


def handing_out(made: GuardedSchema) -> Iterator[tuple[str, tuple[str, ...], str, set[Rule]]]:
    """The resolvers that hand out somebody's objects: the way to each, and the objects' rules."""
    walk = Walk(made._schema)
    for name, kind in walk.objects().items():
        for each, found in kind.fields.items():
            if found.extensions["strawberry-definition"].base_resolver is None:
                continue
            if rules := handed_out(named(found), made.access):
                way = walk.path_to(name)
                assert way is not None, f"{name}: no way leads there but through a union"
                yield way[0], (*way[1], each), f"{name}.{each}", rules


async def test_a_resolver_that_acts_for_somebody_else_gives_nothing_but_what_the_rule_gives(
    dsn: str, valkey: str, tmp_path: Path, record_property: Callable[[str, object], None]
):
    made = make_schema(MisledSchema)
    assert isinstance(made, MisledSchema)
    fields: set[str] = set()
    async with house(dsn, valkey, tmp_path, graphql=made) as here:
        edges = list(handing_out(made))
        for word, path, where, rules in edges:
            for subject in here.students:
                for asker in here.askers:
                    assert subject.account is not None
                    await here.bed.app.services.erasures.request(
                        subject.account, NOW, timedelta(days=9)
                    )  # so that there is one to be taken back
                    made.misled = (where, subject.session) if subject.session else None
                    allowed = all(may(rule, asker, subject) for rule in rules)
                    fields |= await _ask_misled(here, made, word, path, asker, subject, allowed)

    assert here.matrix.wrong == []
    assert here.matrix.missing(fields, here.askers, here.students) == []
    alone = Walk(made._schema).fields() - fields - {where for _, _, where, _ in edges}
    assert {each.partition(".")[0] for each in alone} <= {"Query", "Mutation"}, alone
    record_property(
        "matrix",
        f"{len(here.matrix.seen)} cells of fields behind {len(edges)} resolvers that were misled",
    )


async def _ask_misled(
    here: House,
    made: MisledSchema,
    word: str,
    path: tuple[str, ...],
    asker: Person | None,
    subject: Person,
    allowed: bool,
) -> set[str]:
    """Ask for all that a misled resolver hands out; return the fields that were asked for."""

    def ids(kind: str) -> list[str]:
        return subject.ids.get(kind, [])

    fresh = f"fid-{secrets.token_hex(8)}"
    query = Walk(made._schema).at(word, path, given_for(ids, fresh))
    status, body = await answer(here.bed, asker, query)
    on_the_way = Walk(made._schema).on_the_way(word, path)
    asked = query.asks - on_the_way
    matrix, words = here.matrix, json.dumps(body)
    if asker is ANYBODY:
        if (status, "data" in body) != (401, False):
            matrix.failed(query.where, asker, subject, f"was answered {status}")
    elif allowed:
        here.judge(query, asker, body)
        if "errors" in body or not any(way[-1] in asked for way, _ in told(body["data"])):
            matrix.failed(query.where, asker, subject, f"was refused: {words[:300]}")
    else:
        codes = [(e["extensions"]["code"], tuple(e["path"])[: len(path)]) for e in body["errors"]]
        if {code for code, _ in codes} != {"forbidden"} or {at for _, at in codes} != {path}:
            matrix.failed(query.where, asker, subject, f"was not refused: {words[:300]}")
        if any(each in words for each in subject.everything()):
            matrix.failed(query.where, asker, subject, f"tells what is theirs: {words[:300]}")
    for each in asked:
        matrix.looked(each, asker, subject)
    return asked

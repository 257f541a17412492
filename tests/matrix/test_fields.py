"""Every field × everybody who asks × every student: answered or refused, just as its rule says.

Once as the fields are, with the ids of each student; and once with every resolver that hands out
somebody's objects acting for the wrong student, so that the rule alone stands between.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLUnionType
from matrix.asking import ask_everything, digests, house
from matrix.held import renew
from matrix.judging import may
from matrix.misled import ask_misled, handing_out, misled_house, whom_it_concerns
from matrix.walk import Walk, named

from erasmus_app.api.access import Rule
from erasmus_app.api.schema import schema

DECIDED = {"account_link", "mobility_claim"}
"""What the coordinators of a student's HEI decide about."""


@pytest.mark.long
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
                await ask_everything(here, walk, asker, subject, last, reached)
            after = await digests(here.bed, others)
            for each in others:
                decides = asker is not None and asker.coordinates == each.home
                changed = {
                    n for n, found in after[each.key].items() if found != before[each.key][n]
                }
                if changed - (DECIDED if decides else set()):
                    who = asker.key if asker else "anonymous"
                    here.matrix.wrong.append(f"{who} changed {sorted(changed)} of {each.key}")

    assert here.matrix.wrong == [], "\n".join(here.matrix.wrong[:20])
    unreached = {
        each
        for each in walk.fields()
        if all(value in (None, []) for value in reached.get(each, []))
    }
    words = "seed what they tell in tests/matrix/held.py"
    assert unreached == set(), f"{sorted(unreached)}: {words}"
    assert here.matrix.missing(walk.fields(), here.askers, here.students) == []
    # A number has no mark, so that each student has another one: of five mobilities, one read.
    assert reached["Student.unreadMessages"] == [5 * 3 - 1, 5 * 4 - 1, 5 * 5 - 1]
    record_property(
        "matrix",
        f"{len(here.matrix.seen)} cells, {len(walk.fields())} of {len(walk.fields())} fields × "
        f"{len(here.askers)} who ask × {len(here.students)} who are asked about",
    )


@pytest.mark.long
async def test_a_resolver_that_acts_for_somebody_else_gives_nothing_but_what_the_rule_gives(
    dsn: str, valkey: str, tmp_path: Path, record_property: Callable[[str, object], None]
):
    fields: set[str] = set()
    async with misled_house(dsn, valkey, tmp_path) as (here, made):
        edges = list(handing_out(made))
        for word, path, where, rules in edges:
            for subject in here.students:
                for asker in here.askers:
                    await renew(here.bed, subject)
                    made.act_for(where, whom_it_concerns(here, rules, subject))
                    allowed = all(may(rule, asker, subject) for rule in rules)
                    fields |= await ask_misled(here, made, word, path, asker, subject, allowed)

    assert here.matrix.wrong == [], "\n".join(here.matrix.wrong[:20])
    assert here.matrix.missing(fields, here.askers, here.students) == []
    alone = Walk(made._schema).fields() - fields - {where for _, _, where, _ in edges}
    answers = {  # of what somebody does, to themselves: in none of it is anybody's object
        each.name
        for found in made._schema.mutation_type.fields.values()
        if isinstance(named(found), GraphQLUnionType)
        for each in named(found).types
        if made.access.objects[each.name] == Rule.PART
    }
    nobodys = {"Query", "Mutation", "ChatMessenger"}  # which messengers are open is about nobody
    assert {each.partition(".")[0] for each in alone} <= {*nobodys, *answers}, alone
    record_property(
        "matrix",
        f"{len(here.matrix.seen)} cells of fields behind {len(edges)} resolvers that were misled",
    )

"""Every field × everybody who asks × every student: answered or refused, just as its rule says.

Once as the fields are, with the ids of each student; and once with every resolver that hands out
somebody's objects acting for the wrong student, so that the rule alone stands between.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from matrix.asking import ask_everything, digests, house
from matrix.judging import may
from matrix.misled import ask_misled, handing_out, misled_house
from matrix.people import NOW
from matrix.walk import Walk

from erasmus_app.api.schema import schema


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
            for key, digest in (await digests(here.bed, others)).items():
                if digest != before[key]:
                    here.matrix.wrong.append(f"{asker.key if asker else 'anonymous'} changed {key}")

    assert here.matrix.wrong == [], "\n".join(here.matrix.wrong[:20])
    unreached = {
        each
        for each in walk.fields()
        if all(value in (None, []) for value in reached.get(each, []))
    }
    words = "seed what they tell in tests/matrix/held.py"
    assert unreached == set(), f"{sorted(unreached)}: {words}"
    assert here.matrix.missing(walk.fields(), here.askers, here.students) == []
    # A number has no mark, so that each student has another one: of three mobilities, one read.
    assert reached["Student.unreadMessages"] == [3 * 3 - 1, 3 * 4 - 1, 3 * 5 - 1]
    record_property(
        "matrix",
        f"{len(here.matrix.seen)} cells, {len(walk.fields())} of {len(walk.fields())} fields × "
        f"{len(here.askers)} who ask × {len(here.students)} who are asked about",
    )


async def test_a_resolver_that_acts_for_somebody_else_gives_nothing_but_what_the_rule_gives(
    dsn: str, valkey: str, tmp_path: Path, record_property: Callable[[str, object], None]
):
    fields: set[str] = set()
    async with misled_house(dsn, valkey, tmp_path) as (here, made):
        edges = list(handing_out(made))
        for word, path, where, rules in edges:
            for subject in here.students:
                for asker in here.askers:
                    assert subject.account is not None
                    await here.bed.app.services.erasures.request(
                        subject.account, NOW, timedelta(days=9)
                    )  # so that there is one to be taken back
                    made.act_for(where, subject)
                    allowed = all(may(rule, asker, subject) for rule in rules)
                    fields |= await ask_misled(here, made, word, path, asker, subject, allowed)

    assert here.matrix.wrong == [], "\n".join(here.matrix.wrong[:20])
    assert here.matrix.missing(fields, here.askers, here.students) == []
    alone = Walk(made._schema).fields() - fields - {where for _, _, where, _ in edges}
    assert {each.partition(".")[0] for each in alone} <= {"Query", "Mutation"}, alone
    record_property(
        "matrix",
        f"{len(here.matrix.seen)} cells of fields behind {len(edges)} resolvers that were misled",
    )

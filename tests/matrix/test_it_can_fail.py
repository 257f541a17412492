"""The matrix is no better than its power to fail: mistakes that it has to find."""

from pathlib import Path

import pytest
from matrix.asking import House, ask_everything, digests, house
from matrix.held import renew, seeded
from matrix.judging import may_on
from matrix.misled import (
    MisledSchema,
    ask_misled,
    handing_out,
    misled_house,
    whom_it_concerns,
)
from matrix.people import Person, cast
from matrix.walk import Walk

from erasmus_app.api.schema import schema
from erasmus_app.api.schema.access import COORDINATOR, OWNER, PART, Access
from erasmus_app.store.holdings import ERASED

NOT_SEEDED = {  # tables of which the students of this world have no row, and why
    "recent_fetch": "holds an id for a minute, and nothing of what was fetched",
}


class Unguarded(MisledSchema):
    """Rules that are words only."""

    def guarded(self) -> Access:
        self.mislead()
        return schema.access


async def test_every_table_that_holds_something_of_a_student_has_a_row_of_each(
    dsn: str, valkey: str, tmp_path: Path
):
    tables = {each.table for each in ERASED} - set(NOT_SEEDED)
    async with house(dsn, valkey, tmp_path) as here:
        for student in here.students:
            bare = tables - await seeded(here.bed, student)
            assert bare == set(), f"{bare}: seed a row with marks in tests/matrix/held.py"


async def test_every_resolver_that_hands_out_anothers_is_found_where_rules_are_not_kept(
    dsn: str, valkey: str, tmp_path: Path
):
    async with misled_house(dsn, valkey, tmp_path, Unguarded) as (here, made):
        owner, other, _ = here.students
        assert owner.account is not None
        for word, path, where, rules in handing_out(made):
            if made.access.objects.get(where.partition(".")[0]) == COORDINATOR:
                continue  # what opens an office lets nobody else so far
            await renew(here.bed, owner)
            made.act_for(where, whom_it_concerns(here, rules, owner))
            await ask_misled(here, made, word, path, other, owner, allowed=False)
            # A large one is asked for in pieces: it is found by one of them at least.
            words = "asked by student2 of student1: was not refused"
            assert words in " ".join(here.matrix.wrong), where
            here.matrix.wrong.clear()


async def found(here: House, asker: Person, subject: Person) -> set[str]:
    """What is wrong when somebody asks everything with the ids of another."""
    before = await digests(here.bed, [subject])
    await ask_everything(here, Walk(schema._schema), asker, subject, last=True, reached={})
    changed = await digests(here.bed, [subject]) != before
    wrong = [each.partition(" ")[0] for each in here.matrix.wrong] + ["changed"] * changed
    here.matrix.wrong.clear()
    return set(wrong)


@pytest.mark.long
async def test_what_is_told_or_changed_of_another_is_found_from_the_front(
    dsn: str, valkey: str, tmp_path: Path
):
    async with misled_house(dsn, valkey, tmp_path, Unguarded) as (here, made):
        owner, other, third = here.students
        assert await found(here, other, owner) == set()

        made.act_for("Student.inbox", owner)
        assert await found(here, other, owner) == {
            "Student.inbox",
            "Message.id",
            "Message.body",
            "Message.mobilityId",
            *("MessageEdge.cursor", "PageInfo.startCursor", "PageInfo.endCursor"),
        }
        made.act_for("Student.mobility", owner)
        assert "Component.title" in await found(here, other, owner)
        made.act_for("Mutation.removeDevice", owner)
        assert await found(here, other, owner) == {"Mutation.removeDevice", "changed"}
        made.act_for("Mutation.endSession", owner)
        assert await found(here, third, owner) == {"Mutation.endSession", "changed"}


def test_a_value_is_judged_by_the_rule_of_the_object_that_it_is_in():
    owner, _, _, coordinator, *_ = everybody = cast()
    access = Access(
        objects={"Student": OWNER, "Paper": OWNER | COORDINATOR, "Page": PART},
        fields={
            "Query.me": OWNER,
            "Student.papers": OWNER,
            "Paper.pages": OWNER | COORDINATOR,
            "Paper.secret": OWNER,
            "Page.text": PART,
        },
    )
    judged = {
        way[-1]: [who for who in everybody if may_on(access, way, who, owner)]
        for way in (
            ("Query.me", "Student.papers"),
            ("Query.me", "Student.papers", "Paper.secret"),
            ("Query.me", "Student.papers", "Paper.pages", "Page.text"),
        )
    }

    assert judged == {
        "Student.papers": [owner],
        "Paper.secret": [owner],
        "Page.text": [owner, coordinator],
    }

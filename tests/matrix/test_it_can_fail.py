"""The matrix is no better than its power to fail: mistakes that it has to find."""

from datetime import timedelta
from pathlib import Path

from matrix.asking import House, ask_everything, digests, house
from matrix.misled import MisledSchema, ask_misled, handing_out
from matrix.people import NOW, Person
from matrix.walk import Walk

from erasmus_app.api.schema import make_schema, schema
from erasmus_app.api.schema.access import Access


class Unguarded(MisledSchema):
    """Rules that are words only."""

    def guarded(self) -> Access:
        super().guarded()
        for kind in Walk(self._schema).objects().values():
            kind.is_type_of = None
        return schema.access


def misled_towards(made: MisledSchema, where: str, student: Person) -> None:
    assert student.session is not None
    made.misled = (where, student.session)


async def test_every_resolver_that_hands_out_anothers_is_found_where_rules_are_not_kept(
    dsn: str, valkey: str, tmp_path: Path
):
    made = make_schema(Unguarded)
    assert isinstance(made, Unguarded)
    async with house(dsn, valkey, tmp_path, graphql=made) as here:
        owner, other, _ = here.students
        assert owner.account is not None
        for word, path, where, _rules in handing_out(made):
            await here.bed.app.services.erasures.request(owner.account, NOW, timedelta(days=9))
            misled_towards(made, where, owner)
            await ask_misled(here, made, word, path, other, owner, allowed=False)
            assert f"{where} asked by student2 of student1: was not refused" in " ".join(
                here.matrix.wrong
            )
            here.matrix.wrong.clear()


async def found(here: House, asker: Person, subject: Person) -> set[str]:
    """What is wrong when somebody asks everything with the ids of another."""
    before = await digests(here.bed, [subject])
    await ask_everything(here, Walk(schema._schema), asker, subject, last=True, reached={})
    changed = await digests(here.bed, [subject]) != before
    wrong = [each.partition(" ")[0] for each in here.matrix.wrong] + ["changed"] * changed
    here.matrix.wrong.clear()
    return set(wrong)


async def test_what_is_told_or_changed_of_another_is_found_from_the_front(
    dsn: str, valkey: str, tmp_path: Path
):
    made = make_schema(Unguarded)
    assert isinstance(made, Unguarded)
    async with house(dsn, valkey, tmp_path, graphql=made) as here:
        owner, other, third = here.students
        assert await found(here, other, owner) == set()

        misled_towards(made, "Student.inbox", owner)
        assert await found(here, other, owner) == {
            "Student.inbox",
            "Message.id",
            "Message.body",
            "Message.mobilityId",
        }
        misled_towards(made, "Student.mobility", owner)
        assert "Component.title" in await found(here, other, owner)
        misled_towards(made, "Mutation.removeDevice", owner)
        assert await found(here, other, owner) == {"Mutation.removeDevice", "changed"}
        misled_towards(made, "Mutation.endSession", owner)
        assert await found(here, third, owner) == {"Mutation.endSession", "changed"}

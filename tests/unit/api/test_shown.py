"""A mobility that both its universities tell of is shown once, and found by either's id."""

from datetime import UTC, datetime
from uuid import UUID

from factories import LINDENTAL, RIBEIRA, TODAY, a_mobility, a_nomination
from msgspec.structs import replace

from erasmus_app.api.schema.ids import global_id
from erasmus_app.api.schema.mobilities import same, shown
from erasmus_app.identity.roles import HeiRole, RoleAt, Standing
from erasmus_app.ids import AccountId, HeiId, MobilityId, OmobilityId, PersonId
from erasmus_app.mobilities.ports import StoredMobility

ME = AccountId(UUID(int=1))
STUDENT = Standing(account_id=ME)


def seen_by(tenant: str, number: int, omobility_id: str = "om-1") -> StoredMobility:
    mobility = replace(
        a_mobility(a_nomination()), tenant=HeiId(tenant), omobility_id=OmobilityId(omobility_id)
    )
    return StoredMobility(
        mobility_id=MobilityId(UUID(int=number)),
        person_id=PersonId(UUID(int=9)),
        version=1,
        changed_at=datetime(2026, 11, 2, tzinfo=UTC),
        mobility=mobility,
        account_id=ME,
    )


ABROADS, HOMES, ANOTHER = seen_by(LINDENTAL, 1), seen_by(RIBEIRA, 2), seen_by(LINDENTAL, 3, "om-2")


def test_homes_record_is_shown_at_the_place_of_the_freshest():
    for order in ([ABROADS, HOMES, ANOTHER], [HOMES, ABROADS, ANOTHER]):
        found = shown(order, STUDENT, TODAY)
        assert [each.stored for each in found] == [HOMES, ANOTHER]


def test_both_ids_lead_to_what_is_shown():
    stored = [ABROADS, HOMES, ANOTHER]
    found = shown(stored, STUDENT, TODAY)

    for number in (1, 2):
        assert same(stored, found, global_id("Mobility", UUID(int=number))) is found[0]
    assert same(stored, found, global_id("Mobility", UUID(int=3))) is found[1]
    assert same(stored, found, global_id("Mobility", UUID(int=4))) is None
    assert same(stored, found, global_id("Message", UUID(int=1))) is None


def test_who_only_was_a_student_finds_nothing_that_is_not_over():
    former = Standing(account_id=ME, roles=(RoleAt(hei=HeiId(RIBEIRA), role=HeiRole.FORMER),))
    found = shown([HOMES], former, TODAY)

    assert found == []
    assert same([HOMES], found, global_id("Mobility", UUID(int=2))) is None

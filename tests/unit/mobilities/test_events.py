from datetime import datetime, timedelta, timezone
from itertools import pairwise

from factories import (
    AT,
    TODAY,
    a_mobility,
    a_nomination,
    a_proposal,
    a_version,
    an_agreement,
)

from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.events import MobilityEvent, Row, event_id
from erasmus_app.mobilities.models import Mobility, Reception

NEW = a_nomination
YESTERDAY = TODAY - timedelta(days=1)
SENT, SENT_AGAIN = an_agreement(proposal=a_proposal()), an_agreement(proposal=a_proposal("c-9"))


def only(before: Mobility | None, after: Mobility) -> MobilityEvent:
    (event,) = changes(before, after, TODAY)
    return event


def test_a_date_that_comes_back_is_told_each_time():
    here, there = Reception(actual_arrival=YESTERDAY), Reception(actual_arrival=TODAY)
    known = [a_mobility(each, revision=n) for n, each in enumerate((here, there, here, there), 1)]

    ids = [only(was, now).event_id for was, now in pairwise(known)]

    assert len(set(ids)) == 3


def test_a_proposal_has_one_id_however_many_revisions_a_university_saw():
    for was, now in ((NEW(), NEW("approved")), (NEW(), NEW(proposal="p-2")), (SENT, SENT_AGAIN)):
        seen = {only(a_mobility(was), a_mobility(now, revision=n)).event_id for n in (2, 5)}
        assert len(seen) == 1


def test_a_signature_is_the_same_in_another_zone():
    zone = timezone(timedelta(hours=1))
    moment = datetime.fromisoformat("2026-11-02T10:00:00+01:00")
    assert moment == AT
    assert moment.tzinfo == zone

    seen = {
        only(
            a_mobility(SENT), a_mobility(an_agreement(first=a_version(at=at)), revision=2)
        ).event_id
        for at in (AT, moment)
    }

    assert len(seen) == 1


def test_an_id_tells_senders_mobilities_rows_and_discriminators_apart_and_lasts():
    known = ("ribeira.example", "a", Row.B1, "p-1")
    others = [
        ("ribeira.exampl", "ea", Row.B1, "p-1"),
        ("ribeira.example", "A", Row.B1, "p-1"),
        ("ribeira.example", "a", Row.B13, "p-1"),
        ("ribeira.example", "a", Row.B1, "p-2"),
    ]

    assert len({event_id(*each) for each in (known, *others)}) == 5
    assert str(event_id(*known)) == "956eef15-fb1b-5446-a05a-a06b9ec04f57"  # rows have it

from datetime import timedelta

import msgspec
import pytest
from factories import (
    AT,
    LINDENTAL,
    RIBEIRA,
    a_contact,
    a_course,
    a_mobility,
    a_nomination,
    a_proposal,
    a_reading,
    a_version,
    an_agreement,
    an_old_nomination,
    later,
    sourced,
)
from msgspec.structs import replace

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.agreements import AgreementState, agreement_state, sent_back
from erasmus_app.mobilities.consolidate import (
    LONGEST_COMMENT,
    AbsenceRules,
    Reading,
    confirmed_by_index,
    merge,
    needs_confirmation,
)
from erasmus_app.mobilities.models import (
    AgreementEnd,
    Api,
    HeiEnd,
    Mobility,
    Reception,
    Returned,
    SentBack,
    Source,
)

RULES = AbsenceRules(agreement=timedelta(minutes=5), other=timedelta(hours=4))
ARRIVED = Reception(actual_arrival=AT.date())
WAITING, IN_FORCE = an_agreement(proposal=a_proposal()), an_agreement(first=a_version())
CAME_BACK = SentBack(what=Returned.FIRST_VERSION, at=later(hours=1), receiving_contact=a_contact())


def after(*readings: Reading) -> Mobility | None:
    mobility = None
    for reading in readings:
        mobility = merge(mobility, reading, RULES)
    return mobility


def sources(mobility: Mobility | None) -> list[Source]:
    assert mobility is not None
    return list(mobility.sources())


def test_facts_lie_side_by_side_each_with_its_source():
    known = after(
        a_reading(a_nomination(), major=3),
        a_reading(ARRIVED, at=later(minutes=1), major=2),
        a_reading(WAITING, at=later(minutes=2)),
    )

    at = later(minutes=1)
    assert known == a_mobility(
        sourced(a_nomination(), major=3),
        sourced(ARRIVED, major=2, fetched_at=at, last_confirmed_at=at),
        sourced(WAITING, fetched_at=later(minutes=2), last_confirmed_at=later(minutes=2)),
    )


@pytest.mark.parametrize(
    "reading",
    [a_reading(None, Api.OMOBILITIES), a_reading(None, Api.OMOBILITY_LAS), a_reading(ARRIVED)],
    ids=["no nomination", "no agreement", "an arrival of somebody unknown"],
)
def test_there_is_no_record_where_nothing_says_who_goes_where(reading: Reading):
    assert merge(None, reading, RULES) is None


@pytest.mark.parametrize("api", [Api.IMOBILITIES, Api.OMOBILITY_LAS])
def test_an_absence_of_what_was_never_there_changes_nothing(api: Api):
    known = a_mobility(a_nomination())

    assert merge(known, a_reading(None, api, at=later(days=1)), RULES) is known


def test_the_same_content_moves_only_the_time_of_confirmation():
    at = later(hours=1)

    assert after(a_reading(a_nomination()), a_reading(a_nomination(), at=at)) == a_mobility(
        sourced(a_nomination(), last_confirmed_at=at)
    )


def test_each_other_content_is_a_new_revision_also_one_that_was_there_before():
    first, second = a_nomination(), a_nomination(proposal="p-2")
    known = after(
        a_reading(first),
        a_reading(second, at=later(hours=1)),
        a_reading(first, at=later(hours=2)),
    )

    at = later(hours=2)
    assert known == a_mobility(sourced(first, fetched_at=at, last_confirmed_at=at, revision=3))


@pytest.mark.parametrize("late", [a_nomination(proposal="p-0"), None], ids=["other", "absent"])
def test_a_slow_answer_that_was_asked_for_earlier_is_left_aside(late):
    known = after(a_reading(a_nomination(), at=later(minutes=5)))
    assert known is not None

    assert merge(known, a_reading(late, Api.OMOBILITIES, at=later(minutes=4)), RULES) is known


def test_a_slow_answer_does_not_undo_a_later_absence():
    known = after(a_reading(WAITING), a_reading(None, Api.OMOBILITY_LAS, at=later(minutes=9)))
    assert known is not None

    assert merge(known, a_reading(WAITING, at=later(minutes=8)), RULES) is known


@pytest.mark.parametrize(
    "stranger",
    [
        {"tenant": RIBEIRA},
        {"sending_hei_id": HeiId("clairval.example")},
        {"omobility_id": OmobilityId("RIB-2027-1")},
    ],
    ids=["of another tenant", "of another sender", "ids tell cases apart"],
)
def test_an_answer_never_goes_into_another_record(stranger):
    reading = a_reading(a_nomination(proposal="p-2"), at=later(hours=1), **stranger)

    with pytest.raises(ValueError, match="another's record"):
        merge(a_mobility(a_nomination()), reading, RULES)


@pytest.mark.parametrize(
    ("fact", "wait"),
    [
        (a_nomination(), RULES.other),
        (an_old_nomination("live"), RULES.other),
        (ARRIVED, RULES.other),
        (WAITING, RULES.agreement),
    ],
    ids=["nomination", "old nomination", "reception", "agreement"],
)
def test_what_is_missing_once_is_in_doubt_and_gone_when_a_later_answer_confirms_it(fact, wait):
    known = a_mobility(fact)
    (source,) = sources(known)
    api, first, early, enough = (
        source.api,
        later(hours=1),
        later(hours=1) + wait / 2,
        later(hours=1) + wait,
    )

    doubted = merge(known, a_reading(None, api, at=first), RULES)
    doubt = {"missing_since": first}
    assert doubted == a_mobility(sourced(fact, **doubt, last_attempt_at=first))
    assert needs_confirmation(doubted, api, RULES) == enough

    waiting = merge(doubted, a_reading(None, api, at=early), RULES)
    assert waiting == a_mobility(sourced(fact, **doubt, last_attempt_at=early))
    assert needs_confirmation(waiting, api, RULES) == enough

    gone = merge(waiting, a_reading(None, api, at=enough), RULES)
    moved = {"fetched_at": enough, "last_confirmed_at": enough, "revision": 2}
    came_back = CAME_BACK if fact is WAITING else None
    lost = a_mobility(sourced(None, api, **doubt, **moved))
    assert gone == replace(lost, sent_back=came_back)
    assert needs_confirmation(gone, api, RULES) is None

    again = later(days=2)
    still = merge(gone, a_reading(None, api, at=again), RULES)
    lost = a_mobility(sourced(None, api, **doubt, **moved | {"last_confirmed_at": again}))
    assert still == replace(lost, sent_back=came_back)

    back = merge(still, a_reading(fact, at=later(days=3)), RULES)
    at = later(days=3)
    assert back == a_mobility(sourced(fact, fetched_at=at, last_confirmed_at=at, revision=3))


def test_an_answer_with_it_ends_the_doubt_without_a_new_revision():
    absent = a_reading(None, Api.OMOBILITIES, at=later(hours=1))
    back = a_reading(a_nomination(), at=later(hours=9))

    known = after(a_reading(a_nomination()), absent, back)

    assert known == a_mobility(sourced(a_nomination(), last_confirmed_at=later(hours=9)))


def test_an_agreement_that_all_have_signed_stays_however_long_it_is_not_shown():
    absent = [a_reading(None, Api.OMOBILITY_LAS, at=later(days=day)) for day in (1, 2, 30)]

    known = after(a_reading(IN_FORCE), *absent)

    assert known == a_mobility(
        sourced(IN_FORCE, missing_since=later(days=1), last_attempt_at=later(days=30))
    )
    assert needs_confirmation(known, Api.OMOBILITY_LAS, RULES) is None


@pytest.mark.parametrize(
    "fact", [a_nomination(), ARRIVED, WAITING, IN_FORCE], ids=["B1", "D1", "waiting", "in force"]
)
def test_what_the_hei_itself_takes_back_is_gone_at_once(fact):
    known, at = a_mobility(fact), later(minutes=1)
    (source,) = sources(known)

    gone = merge(known, a_reading(None, source.api, at=at, own=True), RULES)
    moved = {"fetched_at": at, "last_confirmed_at": at, "missing_since": at, "revision": 2}
    assert sources(gone) == [msgspec.structs.replace(source, **moved)]
    assert needs_confirmation(gone, source.api, RULES) is None


def test_what_the_hei_itself_says_counts_whatever_its_clock_says():
    known = after(a_reading(a_nomination(), at=later(minutes=5)))
    assert known is not None

    at = later(minutes=5)
    corrected = a_nomination(proposal="p-2")
    assert merge(known, a_reading(corrected, at=later(minutes=4), own=True), RULES) == a_mobility(
        sourced(corrected, fetched_at=at, last_confirmed_at=at, revision=2)
    )


def test_an_answer_takes_an_earlier_failure_away():
    failed = a_mobility(
        sourced(a_nomination(), last_attempt_at=later(hours=1), last_error="partner_unreachable")
    )

    assert merge(failed, a_reading(a_nomination(), at=later(hours=2)), RULES) == a_mobility(
        sourced(a_nomination(), last_confirmed_at=later(hours=2))
    )


def test_an_index_confirms_what_it_does_not_list_as_changed():
    known = a_mobility(a_nomination(), ARRIVED, WAITING)

    assert confirmed_by_index(
        known, {Api.OMOBILITIES: later(hours=2), Api.OMOBILITY_LAS: later(hours=-1)}
    ) == a_mobility(sourced(a_nomination(), last_confirmed_at=later(hours=2)), ARRIVED, WAITING)


@pytest.mark.parametrize(
    "doubt",
    [
        {"missing_since": later(minutes=1)},
        {"last_error": "reply_invalid", "last_attempt_at": later(minutes=1)},
        {"hei_id": HeiId("elsewhere.example")},  # another HEI's index says nothing about it
    ],
)
def test_what_is_missing_unread_or_of_another_source_is_not_confirmed_by_an_index(doubt):
    known = a_mobility(sourced(a_nomination(), **doubt))

    assert confirmed_by_index(known, {Api.OMOBILITIES: later(hours=2)}) is known


def test_where_the_student_goes_is_the_nominations_word_and_does_not_flap():
    elsewhere = HeiId("jezioro.example")
    agreement = an_agreement(
        proposal=a_proposal(),
        receiving=msgspec.structs.replace(WAITING.receiving, hei_id=elsewhere),
    )
    known = after(a_reading(agreement))
    assert known is not None
    assert known.receiving_hei_id == elsewhere

    for reading in (
        a_reading(a_nomination(), at=later(hours=1)),
        a_reading(agreement, at=later(hours=2)),
    ):
        known = merge(known, reading, RULES)
        assert known is not None
        assert known.receiving_hei_id == LINDENTAL

    moved = a_nomination(receiving=HeiEnd(hei_id=elsewhere), proposal="p-2")
    known = merge(known, a_reading(moved, at=later(hours=3)), RULES)
    assert known is not None
    assert known.receiving_hei_id == elsewhere


def test_a_record_written_as_json_is_the_same_when_it_is_read():
    course = a_course(ects="7.50", recognition_conditions="pass", term=(1, 2))
    known = a_mobility(
        a_nomination(), ARRIVED, an_agreement(first=a_version(course), proposal=a_proposal())
    )

    assert msgspec.json.decode(msgspec.json.encode(known), type=Mobility) == known


FIRST, CHANGE = a_version(), a_proposal("c-2")
VALID, PROPOSED = an_agreement(first=FIRST), an_agreement(first=FIRST, proposal=CHANGE)
AGREED = an_agreement(first=FIRST, approved=a_version(at=later(days=1)))
ANOTHER = an_agreement(first=FIRST, approved=AGREED.approved_changes, proposal=a_proposal("c-3"))
HISTORIES = {
    "sent back": ([VALID, PROPOSED, VALID], 2, AgreementState.CHANGE_RETURNED),
    "sent back, and confirmed": (
        [VALID, PROPOSED, VALID, VALID],
        2,
        AgreementState.CHANGE_RETURNED,
    ),
    "sent back, and a contact changed": (
        [PROPOSED, VALID, an_agreement(first=FIRST, cefr_level="C1")],
        1,
        AgreementState.CHANGE_RETURNED,
    ),
    "sent back, and proposed again": (
        [PROPOSED, VALID, PROPOSED],
        None,
        AgreementState.CHANGE_AWAITING_RECEIVING,
    ),
    "sent back, proposed again, and agreed": (
        [PROPOSED, VALID, PROPOSED, AGREED],
        None,
        AgreementState.CHANGED_SIGNED,
    ),
    "sent back, and agreed between two looks": (
        [PROPOSED, VALID, AGREED],
        None,
        AgreementState.CHANGED_SIGNED,
    ),
    "a second change sent back": (
        [AGREED, ANOTHER, AGREED],
        2,
        AgreementState.CHANGE_RETURNED,
    ),
    "agreed": ([PROPOSED, AGREED], None, AgreementState.CHANGED_SIGNED),
    "signed for the first time": (
        [an_agreement(proposal=CHANGE), VALID],
        None,
        AgreementState.SIGNED,
    ),
    "never anything else": ([VALID, VALID], None, AgreementState.SIGNED),
}


@pytest.mark.parametrize(("versions", "day", "expected"), HISTORIES.values(), ids=HISTORIES)
def test_a_change_that_came_back_is_remembered_until_something_is_signed_or_sent(
    versions, day, expected
):
    known = None
    for number, version in enumerate(versions):
        known = merge(known, a_reading(version, at=later(days=number)), RULES)

    assert known is not None
    returned = None if day is None else later(days=day)
    assert (known.change_returned_at, agreement_state(known)) == (returned, expected)


HOME = AgreementEnd(hei_id=RIBEIRA, contact=a_contact("Hélia"))
SENT = an_agreement(proposal=a_proposal(), sending=HOME)
SIGNED = an_agreement(first=FIRST, sending=HOME)
CHANGING = an_agreement(first=FIRST, proposal=CHANGE, sending=HOME)


def told(value, day, comment=None):
    """What the covered HEI's own system has said on a day."""
    return a_reading(value, Api.OMOBILITY_LAS, at=later(days=day), own=True, comment=comment)


def came_back(what, day, comment=None):
    return SentBack(
        what=what,
        at=later(days=day),
        comment=comment,
        sending_contact=a_contact("Hélia"),
        receiving_contact=a_contact(),
    )


FIRST_VERSION, CHANGES, REMOVED = Returned.FIRST_VERSION, Returned.CHANGES, Returned.IN_FORCE
RETURNS = {
    "sent back with a comment": (
        [told(SENT, 0), told(None, 1, "Rivers is not taught.")],
        came_back(FIRST_VERSION, 1, "Rivers is not taught."),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
    "withdrawn": (
        [told(SENT, 0), told(None, 1)],
        came_back(FIRST_VERSION, 1),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
    "sent back, and said again without the comment": (
        [told(SENT, 0), told(None, 1, "No."), told(None, 2)],
        came_back(FIRST_VERSION, 1, "No."),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
    "sent back, and the nomination changed": (
        [told(SENT, 0), told(None, 1, "No."), a_reading(a_nomination(), at=later(days=2))],
        came_back(FIRST_VERSION, 1, "No."),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
    "sent back, with an empty agreement left": (
        [told(SENT, 0), told(an_agreement(sending=HOME), 1)],
        came_back(FIRST_VERSION, 1),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
    "an agreement that never held anything": (
        [told(an_agreement(), 0)],
        None,
        AgreementState.NOT_SHARED,
    ),
    "sent back, and sent again": (
        [told(SENT, 0), told(None, 1, "No."), told(SENT, 2)],
        None,
        AgreementState.AWAITING_RECEIVING,
    ),
    "sent back twice": (
        [told(SENT, 0), told(None, 1, "No."), told(SENT, 2), told(None, 3)],
        came_back(FIRST_VERSION, 3),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
    "a change sent back with a comment": (
        [told(CHANGING, 0), told(SIGNED, 1, "Not in time.")],
        came_back(CHANGES, 1, "Not in time."),
        AgreementState.CHANGE_RETURNED,
    ),
    "a change sent back, and confirmed": (
        [told(CHANGING, 0), told(SIGNED, 1, "Not in time."), told(SIGNED, 2)],
        came_back(CHANGES, 1, "Not in time."),
        AgreementState.CHANGE_RETURNED,
    ),
    "a second change sent back": (
        [told(CHANGING, 0), told(SIGNED, 1, "No."), told(CHANGING, 2), told(SIGNED, 3, "Never.")],
        came_back(CHANGES, 3, "Never."),
        AgreementState.CHANGE_RETURNED,
    ),
    "taken out though all had signed": (
        [told(SIGNED, 0), told(None, 1)],
        came_back(REMOVED, 1),
        AgreementState.REMOVED,
    ),
    "taken out with a change that had come back": (
        [told(CHANGING, 0), told(SIGNED, 1, "No."), told(None, 2)],
        came_back(REMOVED, 2),
        AgreementState.REMOVED,
    ),
    "a partner that shows a signed one no more": (
        [
            a_reading(SIGNED),
            *(a_reading(None, Api.OMOBILITY_LAS, at=later(days=n)) for n in (1, 2)),
        ],
        None,
        AgreementState.SIGNED,
    ),
    "a comment longer than a record has room for": (
        [told(SENT, 0), told(None, 1, "x" * 20_000)],
        came_back(FIRST_VERSION, 1, "x" * LONGEST_COMMENT),
        AgreementState.RETURNED_OR_WITHDRAWN,
    ),
}


@pytest.mark.parametrize(("readings", "expected", "stands"), RETURNS.values(), ids=RETURNS)
def test_what_came_back_is_kept_with_its_comment_and_contacts_until_something_is_sent(
    readings, expected, stands
):
    known = after(*readings)

    assert known is not None
    assert (known.sent_back, sent_back(known), agreement_state(known)) == (
        expected,
        expected,
        stands,
    )


def test_of_a_record_of_before_only_the_time_is_known():
    gone = sourced(None, Api.OMOBILITY_LAS, missing_since=later(hours=1))
    change = replace(a_mobility(SIGNED), change_returned_at=later(hours=2))

    assert sent_back(a_mobility(gone)) == SentBack(what=FIRST_VERSION, at=later(hours=1))
    assert sent_back(change) == SentBack(what=CHANGES, at=later(hours=2))
    assert sent_back(a_mobility(SIGNED)) is None

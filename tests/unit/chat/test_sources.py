"""How fresh what is said is."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from factories import AT, RIBEIRA, a_proposal, an_agreement, an_old_nomination, later, sourced
from unit.chat.asking import NOW, a_mobility, asked
from unit.chat.records import contacts, known

from erasmus_app.chat.models import Source, SourceKind
from erasmus_app.mobilities.models import Api

WHAT = "learning agreement (Universidade da Ribeira)"
AGED = {
    "fresh": ({}, timedelta(0), f"{WHAT}, last confirmed: 2 November 2026", False),
    "an hour less than a day": (
        {},
        timedelta(hours=20),
        f"{WHAT}, last confirmed: 2 November 2026",
        False,
    ),
    "older than a day": (
        {},
        timedelta(hours=22),
        f"{WHAT}, last confirmed: 2 November 2026, more than a day ago",
        True,
    ),
    "silent": (
        {"last_error": "partner_unreachable", "last_attempt_at": later(hours=1)},
        timedelta(0),
        f"{WHAT}, last confirmed: 2 November 2026; the university has not answered since",
        True,
    ),
    "gone": (
        {"missing_since": later(hours=1)},
        timedelta(0),
        f"{WHAT}, not shown any more since: 2 November 2026",
        True,
    ),
}


@pytest.mark.parametrize("case", AGED)
def test_a_source_says_how_old_it_is(case: str):
    given, after, text, is_stale = AGED[case]
    answer = asked(a_chat_with(given, after), "la_status")

    assert answer.sources[0] == Source(
        kind=SourceKind.RECORD,
        text=text,
        hei_id=RIBEIRA,
        api=Api.OMOBILITY_LAS,
        last_confirmed_at=AT,
        is_stale=is_stale,
    )
    assert answer.text.splitlines()[-1].startswith(f"Source: {text}")


def a_chat_with(given: dict[str, Any], after: timedelta) -> Any:
    stored = a_mobility(nomination=an_old_nomination())
    agreement = sourced(an_agreement(proposal=a_proposal(), **contacts()), **given)
    mobility = msgspec.structs.replace(stored.mobility, agreement=agreement)
    return known(msgspec.structs.replace(stored, mobility=mobility), now=NOW + after)

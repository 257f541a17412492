"""Questions while a story goes on: over real records, words, Valkey and what understands them."""

import pytest
from testbed import Bed, Phone, bed_running

from erasmus_app.chat.answers.subjects import OFFERABLE
from erasmus_app.chat.models import Answer, AnswerKind, Asker, Question
from erasmus_app.identity.roles import HeiRole, RoleAt, Standing
from erasmus_app.ids import AccountId, HeiId

STUDENT = RoleAt(hei=HeiId("ribeira.example"), role=HeiRole.STUDENT)


async def account_of(bed: Bed) -> AccountId:
    [row] = await bed.app.database.fetch("select account_id from account")
    return AccountId(row["account_id"])


async def asked(bed: Bed, text: str = "", **given: str | None) -> Answer:
    account = await account_of(bed)
    asker = Asker(
        account_id=account,
        standing=Standing(account_id=account, roles=(STUDENT,)),
        language="en",
        zone="Europe/Lisbon",
    )
    return await bed.app.services.chat.ask(asker, Question(text=text, **given))


@pytest.fixture
async def late(dsn, valkey, tmp_path):
    """A backend that comes when most of the story has been."""
    async with bed_running(dsn, valkey, tmp_path, before=17) as bed:
        yield bed


async def test_who_still_has_to_sign_is_answered_from_what_the_universities_said(bed: Bed):
    phone: Phone = await bed.phone("ines")
    await bed.take(5)
    await bed.until_told(phone, "agreement_sent")

    first = await asked(bed, choice="intent:la_status")
    then = await asked(bed, "until when", conversation=first.conversation)

    assert (first.kind, first.intent) == (AnswerKind.ANSWER, "la_status")
    assert "The host university (Lindental University of Technology) still has to sign." in (
        first.text
    )
    assert "international@lindental.example" in first.text
    assert then.intent == "la_before_deadline"
    assert [each.is_stale for each in first.sources if each.api] == [False]


async def test_everything_can_be_asked_of_real_records(late: Bed):
    await late.signed_in("ines")
    for intent in sorted(OFFERABLE):
        answer = await asked(late, choice=f"intent:{intent}")

        assert answer.kind in {AnswerKind.ANSWER, AnswerKind.HAND_OVER}, intent
        assert answer.text
        assert answer.version
        assert "{" not in answer.text


async def test_who_has_no_exchange_hears_how_one_comes_to_be_known(bed: Bed):
    await bed.signed_in("beatriz")

    answer = await asked(bed, choice="intent:la_status")

    assert answer.text.startswith("No exchange of yours is known here yet.")

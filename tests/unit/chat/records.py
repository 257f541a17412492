"""Students in several states, each with what is known of their universities."""

from datetime import date
from typing import Any

from factories import (
    AT,
    LINDENTAL,
    RIBEIRA,
    a_contact,
    a_course,
    a_factsheet,
    a_proposal,
    a_result,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
)
from unit.chat.asking import TORRES, a_chat, a_mobility

from erasmus_app.chat.service import ChatService
from erasmus_app.institutions.models import (
    Accessibility,
    AdditionalRequirement,
    Information,
    KnownFactsheet,
    Link,
)
from erasmus_app.institutions.places import Institution, KnownInstitution, Office, Words
from erasmus_app.mobilities.models import (
    AgreementEnd,
    ComponentList,
    Reception,
    ReceptionStatus,
    Requirement,
    Returned,
    SentBack,
)

HERE = {"planned_start": "2026-09-07", "planned_end": "2027-01-31"}


def an_office(hei: str, name: str, **given: Any) -> KnownInstitution:
    """A university with an office for exchanges and another one."""
    return KnownInstitution(
        value=Institution(
            hei_id=hei,  # type: ignore[arg-type]
            names=(Words(text=hei),),
            websites=(Link(url=f"https://www.{hei}/"),),
            contacts=(
                Office(names=(Words(text="Library"),), emails=(f"books@{hei}",)),
                Office(
                    names=(Words(text=name, language="en"),),
                    emails=(f"io@{hei}",),
                    phones=("+49 30 1234",),
                ),
            ),
            **given,
        ),
        fetched_at=AT,
        last_confirmed_at=AT,
        revision=1,
    )


INSTITUTIONS = {
    RIBEIRA: an_office(RIBEIRA, "Erasmus Office"),
    LINDENTAL: an_office(
        LINDENTAL,
        "International Office",
        course_catalogues=(
            Link(url="https://lindental.example/kurse", language="de"),
            Link(url="https://lindental.example/courses", language="en"),
        ),
    ),
}


def a_rich_factsheet() -> KnownFactsheet:
    """One that says all that a factsheet can say."""

    def at(path: str, **given: Any) -> Information:
        return Information(links=(Link(url=f"https://lindental.example/{path}"),), **given)

    return a_factsheet(
        application=at("apply", email="apply@lindental.example"),
        housing=at("rooms", email="rooms@lindental.example"),
        visa=at("visa"),
        insurance=at("insurance"),
        accessibility=(Accessibility(name="Lifts", information=at("access")),),
        requirements=(
            AdditionalRequirement(name="CV"),
            AdditionalRequirement(
                name="Language certificate",
                details="German B1 or English B2, not over 2 years old.",
            ),
            AdditionalRequirement(name="Photo"),
        ),
    )


def contacts() -> dict[str, Any]:
    """Both ends of an agreement, with persons."""
    return {
        "sending": AgreementEnd(hei_id=RIBEIRA, contact=a_contact("Rui")),
        "receiving": AgreementEnd(hei_id=LINDENTAL, contact=a_contact()),
    }


def known(*mobilities: Any, **given: Any) -> ChatService:
    """A chat in which both universities have said what they can."""
    return a_chat(
        *mobilities,
        **{"factsheet": a_rich_factsheet(), "institutions": INSTITUTIONS} | given,
    )


SIGNED = an_agreement(
    first=a_version(
        a_course(), a_course("Ethics"), a_course("Logica", table=ComponentList.RECOGNIZED)
    ),
    language="de",
    cefr_level="B2",
    **contacts(),
    **HERE,
)
VERIFIED = Reception(status=ReceptionStatus.VERIFIED)
ABROAD = {
    "nomination": an_old_nomination("live", sending_term="2026/2027-1/2"),
    "agreement": SIGNED,
    "reception": Reception(status=ReceptionStatus.VERIFIED, actual_arrival=date(2026, 9, 5)),
}
BACK = {
    **ABROAD,
    "reception": Reception(
        status=ReceptionStatus.VERIFIED,
        actual_arrival=date(2026, 3, 1),
        actual_departure=date(2026, 10, 20),
    ),
}
NEXT_YEAR = {"planned_arrival": date(2027, 3, 8), "planned_departure": date(2027, 7, 31)}


def records() -> dict[str, ChatService]:
    """Chats by where their student stands."""
    nominated = {
        "nomination": an_old_nomination(
            **NEXT_YEAR, requirements=(Requirement(name="Motivation letter"),)
        )
    }
    waiting = {
        **nominated,
        "reception": VERIFIED,
        "agreement": an_agreement(proposal=a_proposal(), **contacts()),
    }
    return {
        "nobody": a_chat(),
        "nominated": known(a_mobility(**nominated)),
        "nominated, nothing published": a_chat(a_mobility(**nominated)),
        "accepted": known(a_mobility(**nominated, reception=VERIFIED)),
        "refused": known(
            a_mobility(**nominated, reception=Reception(status=ReceptionStatus.REJECTED))
        ),
        "cancelled": known(a_mobility(nomination=an_old_nomination("cancelled"))),
        "agreement waits": known(a_mobility(**waiting)),
        "sent back": known(
            a_mobility(
                **{**waiting, "agreement": None},
                sent_back=SentBack(
                    what=Returned.FIRST_VERSION,
                    at=AT,
                    comment="Please replace *Logic*, see https://evil.example/x",
                    receiving_contact=a_contact(),
                ),
            )
        ),
        "abroad": known(a_mobility(**ABROAD)),
        "change waits": known(
            a_mobility(
                **{
                    **ABROAD,
                    "agreement": an_agreement(
                        first=a_version(), proposal=a_proposal(), **contacts(), **HERE
                    ),
                }
            )
        ),
        "back": known(a_mobility(**BACK)),
        "graded": known(
            a_mobility(**BACK, transcript=a_transcript(a_result(grade="SECRET 20"), a_result()))
        ),
        "recognised": known(a_mobility(**{**BACK, "nomination": an_old_nomination("recognized")})),
        "trainee": known(
            a_mobility(
                nomination=an_old_nomination(
                    "live", activity_type="student-traineeships", **NEXT_YEAR
                )
            )
        ),
        "two": known(
            a_mobility(**ABROAD),
            a_mobility(2, host=TORRES, nomination=an_old_nomination(**NEXT_YEAR)),
        ),
    }

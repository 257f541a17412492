"""What a university's own system feeds: nominations of students who are signed in here."""

import hashlib
from datetime import date
from uuid import uuid4

from faults.house import HOME
from faults.town import AWAY_HEI, Town

from erasmus_app.identity.claims import Identity
from erasmus_app.ids import EuropeanStudentId, HeiId
from erasmus_app.store.accounts import AccountTable
from ewp.ids import OmobilityId, ProposalId
from ewp.messages import omobilities
from sandbox.cast import Student
from sandbox.office import nominee

FEED_TOKEN = "a-token-of-the-own-system-with-many-characters"
FEED_TOKEN_SHA256 = hashlib.sha256(FEED_TOKEN.encode()).hexdigest()


async def nominated(town: Town) -> Student:
    """Make a student who has signed in, and has a phone."""
    name = uuid4().hex
    student = Student(
        key=name,
        given_names="Sasha",
        family_name="Testperson",
        home=HOME,
        esi=EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{HOME}:{name}"),
        birth_date=date(2004, 3, 9),
        nationality="PT",
        gender=0,
        email=f"{name}@{HOME}",
        language="en",
    )
    identity = Identity(
        issuer="https://login.example",
        subject=f"{name}@myacademicid.org",
        display_name=name,
        email=None,
        home_hei_ids=(HOME,),
        affiliations=(f"student@{HOME}",),
        esis=(student.esi,),
        missing=(),
    )
    account = await AccountTable(town.at.database).signed_in(identity, "en")
    await town.at.stay_awake(account)
    town.at.accounts[account] = []
    await town.at.register(account, f"phone-{name}")
    return student


def nomination(omobility_id: str, student: Student) -> bytes:
    """Write the document that nominates a student to the partner."""
    ends = {
        name: omobilities.MobilityHei(hei_id=HeiId(hei))
        for name, hei in (("sending_hei", HOME), ("receiving_hei", AWAY_HEI))
    }
    item = omobilities.StudentMobilityV3(
        omobility_id=OmobilityId(omobility_id),
        student=nominee(student),
        nomination=omobilities.NominationV3(
            **ends,
            proposal_id=ProposalId("1"),
            sending_academic_term_ewp_id="2026/2027-1/2",
            receiving_academic_year_id="2026/2027",
            activity_type="student-studies",
            activity_attributes="long-term",
            agreement_isced_f_code="0613",
            eqf_level_studied_at_departure=6,
            nominee_isced_f_code="0613",
        ),
        status=omobilities.StatusV3.PENDING,
    )
    return omobilities.write_get_response([item], major=3)

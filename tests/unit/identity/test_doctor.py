"""What the login doctor finds, by the tables of the guide (§1.8, §8)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from factories import AT

from erasmus_app.identity.claims import FEIDE, MYACADEMICID
from erasmus_app.identity.doctor import (
    Condition,
    Finding,
    LoginDoctor,
    SeenEsi,
    SeenIdentity,
)
from erasmus_app.identity.roles import HeiRules, KnownIdentity
from erasmus_app.ids import AccountId, HeiId

ISSUER, FEIDES = "https://login.example", "https://feide.example"
RIBEIRA, CLAIRVAL = HeiId("ribeira.example"), HeiId("clairval.example")
HEIS = {RIBEIRA: HeiRules(id=RIBEIRA, domains=("old.example",))}
NOW, OLD = SeenEsi(is_current=True), SeenEsi(is_current=False)
CODES, AFFILIATIONS = MYACADEMICID.codes, MYACADEMICID.affiliations
WELL = SeenIdentity(
    account_id=AccountId(UUID(int=2)),
    identity_id=UUID(int=1),
    known=KnownIdentity(
        issuer=ISSUER,
        subject="0a1b@myacademicid.org",
        home_hei_ids=(RIBEIRA,),
        affiliations=("student@ribeira.example",),
        last_login_at=AT,
    ),
    first_login_at=AT - timedelta(days=9),
    received=("sub",),
    esis=(NOW,),
)


def seen(
    *affiliations: str,
    homes: tuple[str, ...] = (RIBEIRA,),
    issuer: str = ISSUER,
    **more: Any,
) -> SeenIdentity:
    known = msgspec.structs.replace(
        WELL.known, home_hei_ids=homes, affiliations=affiliations, issuer=issuer
    )
    return msgspec.structs.replace(WELL, known=known, **more)


async def found(identity: SeenIdentity) -> list[Finding]:
    class Store:
        async def seen(self, account: AccountId) -> list[SeenIdentity]:
            return [identity]

    doctor = LoginDoctor(
        store=Store(),
        providers={ISSUER: ("myacademicid", MYACADEMICID), FEIDES: ("feide", FEIDE)},
        heis=HEIS,
        is_known=lambda hei: hei in (RIBEIRA, CLAIRVAL),
        clock=lambda: AT,
    )
    [diagnosis] = await doctor.look(AccountId(UUID(int=7)))
    return list(diagnosis.findings)


STUDENT = "student@ribeira.example"
CASES: dict[str, tuple[SeenIdentity, list[Finding]]] = {
    "all is well": (WELL, []),
    "an alias is a home that is known": (seen("student@old.example", homes=("old.example",)), []),
    "no ESI": (
        seen(STUDENT, esis=(), missing=(CODES,)),
        [Finding(condition=Condition.ESI_MISSING, claim=CODES, hei=RIBEIRA)],
    ),
    "no ESI, and no word of what somebody is": (
        seen(esis=(), missing=(CODES, AFFILIATIONS)),
        [
            Finding(condition=Condition.ESI_MISSING, claim=CODES, hei=RIBEIRA),
            Finding(condition=Condition.AFFILIATION_MISSING, claim=AFFILIATIONS, hei=RIBEIRA),
        ],
    ),
    "staff needs none": (seen("staff@ribeira.example", esis=(), missing=(CODES,)), []),
    "it came before": (
        seen(STUDENT, missing=(CODES,)),
        [Finding(condition=Condition.ESI_KEPT, claim=CODES, hei=RIBEIRA)],
    ),
    "another one": (
        seen(STUDENT, esis=(OLD, NOW)),
        [Finding(condition=Condition.ESI_CHANGED, hei=RIBEIRA)],
    ),
    "held elsewhere": (
        seen(STUDENT, esis=(SeenEsi(is_current=True, hold="elsewhere"),)),
        [Finding(condition=Condition.ESI_ELSEWHERE)],
    ),
    "letter case": (
        seen(STUDENT, esis=(SeenEsi(is_current=True, hold="case"),)),
        [Finding(condition=Condition.ESI_UNCLEAR, hei=RIBEIRA)],
    ),
    "held elsewhere, and gone": (
        seen(STUDENT, esis=(SeenEsi(is_current=False, hold="elsewhere"), NOW)),
        [Finding(condition=Condition.ESI_CHANGED, hei=RIBEIRA)],
    ),
    "a guest": (
        seen(homes=(), esis=(), missing=MYACADEMICID.expected[2:]),
        [Finding(condition=Condition.GUEST)],
    ),
    "a former student": (
        seen("alum@ribeira.example", esis=(), missing=(CODES,)),
        [Finding(condition=Condition.FORMER_ONLY, hei=RIBEIRA)],
    ),
    "a home outside the network": (
        seen("student@far.example", homes=("far.example",)),
        [Finding(condition=Condition.HOME_UNMATCHED, hei=HeiId("far.example"))],
    ),
    "a home that is not named": (
        seen(STUDENT, homes=(), missing=(MYACADEMICID.homes,)),
        [Finding(condition=Condition.HOME_MISSING, claim=MYACADEMICID.homes)],
    ),
    "several homes": (
        seen(STUDENT, homes=(RIBEIRA, CLAIRVAL)),
        [Finding(condition=Condition.SEVERAL_HOMES)],
    ),
    "two names of one home": (seen(STUDENT, homes=(RIBEIRA, "old.example")), []),
    "no name and no address": (
        seen(STUDENT, missing=("name", "email")),
        [
            Finding(condition=Condition.NAME_MISSING, claim="name", hei=RIBEIRA),
            Finding(condition=Condition.EMAIL_MISSING, claim="email", hei=RIBEIRA),
        ],
    ),
    "Feide has no ESIs": (
        seen(STUDENT, issuer=FEIDES, esis=()),
        [Finding(condition=Condition.ESI_MISSING, hei=RIBEIRA)],
    ),
    "a provider that is gone": (seen(STUDENT, issuer="https://gone.example"), []),
}


@pytest.mark.parametrize(("identity", "findings"), CASES.values(), ids=CASES)
async def test_the_doctor_says_what_a_login_lacks_and_whose_it_is(
    identity: SeenIdentity, findings: list[Finding]
):
    assert await found(identity) == findings

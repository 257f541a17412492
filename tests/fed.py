"""An HEI without a system of its own: Outono, which the backend covers beside Ribeira.

@pytest.fixture
async def bed(dsn, valkey, tmp_path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, prepare=outono) as bed:
        yield bed
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
from testbed import Bed

from ewp.client import Reply
from ewp.ids import HeiId, OmobilityId, ProposalId
from ewp.messages import imobilities, omobilities, omobility_las
from ewp.signing import sign_request
from sandbox.cast import INES
from sandbox.network import kept_key
from sandbox.office import nominee
from sandbox.world import World

OUTONO, LINDENTAL = HeiId("outono.example"), HeiId("lindental.example")
CLAIRVAL, RIBEIRA = HeiId("clairval.example"), HeiId("ribeira.example")
TOKEN = "a-token-of-outono-with-many-characters"
OF_RIBEIRA = "a-token-of-ribeira-with-many-characters"
OWN = (
    "omobilities",
    "omobility-las",
    "imobilities",
    "imobility-tors",
    "institutions",
    "organizational-units",
    "factsheet",
    "omobility-cnr",
    "omobility-la-cnr",
    "imobility-cnr",
    "imobility-tor-cnr",
)
GRADES = ("16", "14", "18", "12")
OM = OmobilityId("out/2026-7")


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def outono(world: World, own: Sequence[str] = OWN) -> None:
    """Have the backend cover it, with a token for each of the two HEIs."""
    path = Path(world.environment["ERASMUS_APP_EWP_HEIS"])
    kept_key(path.parent / "keys" / "outono.pem")
    before = path.read_text(encoding="utf-8")
    tokens = f'feed_token_sha256 = ["{hashed(OF_RIBEIRA)}"]\n'
    modes = "".join(f'{api} = "own"\n' for api in own)
    path.write_text(
        before.replace("own_system =", f"{tokens}own_system =")
        + f'\n[[hei]]\nid = "{OUTONO}"\nname = {{ pt = "Escola do Outono" }}\n'
        'client_key = "keys/outono.pem"\nadmin_emails = ["ewp@outono.example"]\n'
        f'feed_token_sha256 = ["{"0" * 64}", "{hashed(TOKEN)}"]\n\n[hei.api]\n{modes}',
        encoding="utf-8",
    )
    world.network.more_manifests.append(world.network.backend_manifest.replace(RIBEIRA, OUTONO))


def nomination(
    omobility_id: str = OM,
    *,
    receiving: str = LINDENTAL,
    sending: str = OUTONO,
    proposal: str = "out-1",
    status: omobilities.StatusV3 = omobilities.StatusV3.PENDING,
    **content: Any,
) -> omobilities.StudentMobilityV3:
    return omobilities.StudentMobilityV3(
        omobility_id=OmobilityId(omobility_id),
        student=nominee(INES),
        nomination=omobilities.NominationV3(
            **{
                "proposal_id": ProposalId(proposal),
                "sending_hei": omobilities.MobilityHei(hei_id=HeiId(sending)),
                "receiving_hei": omobilities.MobilityHei(hei_id=HeiId(receiving)),
                "sending_academic_term_ewp_id": "2026/2027-1/2",
                "receiving_academic_year_id": "2026/2027",
                "activity_type": "student-studies",
                "activity_attributes": "long-term",
                "agreement_isced_f_code": "0613",
                "eqf_level_studied_at_departure": 6,
                "nominee_isced_f_code": "0613",
                "comment": "Between the offices: the grant is sure.",
            }
            | content
        ),
        status=status,
    )


def nominations(*items: omobilities.StudentMobilityV3) -> bytes:
    return omobilities.write_get_response(items, major=3)


SIGNED = omobility_las.Signature(timestamp=datetime(2026, 11, 1, 12, tzinfo=UTC))
BY_R = omobility_las.Signature(
    signer_name="Ruth Amsel",
    signer_position="Head",
    signer_email="ruth@lindental.example",
    timestamp=datetime(2026, 11, 20, 9, tzinfo=UTC),
)


def agreement(
    proposal: str = "la-1", *, title: str = "Mapping", omobility_id: str = OM
) -> omobility_las.LearningAgreement:
    contact = omobility_las.ContactPerson(
        given_names="A", family_name="B", email="office@hei.example"
    )
    ends = [
        omobility_las.MobilityInstitution(hei_id=each, ounit_name="Office", contact_person=contact)
        for each in (OUTONO, LINDENTAL)
    ]
    return omobility_las.LearningAgreement(
        omobility_id=OmobilityId(omobility_id),
        sending_hei=ends[0],
        receiving_hei=ends[1],
        receiving_academic_year_id="2026/2027",
        student=omobility_las.Student(
            given_names=INES.given_names, family_name=INES.family_name, global_id=INES.esi
        ),
        start_date=date(2027, 2, 1),
        end_date=date(2027, 7, 15),
        eqf_level_studied_at_departure=6,
        isced_f_code="0613",
        student_language_skill=omobility_las.LanguageSkill(language="en", cefr_level="B2"),
        changes_proposal=omobility_las.ChangesProposal(
            id=ProposalId(proposal),
            components_studied=(omobility_las.Component(title=title),),
            student_signature=SIGNED,
            sending_hei_signature=SIGNED,
        ),
    )


def agreements(*items: omobility_las.LearningAgreement) -> bytes:
    return omobility_las.write_get_response(items)


def arrivals(*items: imobilities.IncomingMobilityV2) -> bytes:
    return imobilities.write_get_response(items, major=2)


class Feed:
    """Outono's own script."""

    def __init__(self, bed: Bed, *, token: str = TOKEN, hei: str = OUTONO) -> None:
        self.bed = bed
        self.url = f"{bed.address}/feed/{hei}"
        self.headers = {"Authorization": f"Bearer {token}"}

    async def give(self, xml: bytes, **parameters: str) -> httpx.Response:
        headers = self.headers | {"Content-Type": "text/xml"}
        return await self.bed.http.post(self.url, content=xml, params=parameters, headers=headers)

    async def given(self, xml: bytes, **parameters: str) -> tuple[int, int, int]:
        """Give it, and return what was received, changed and removed."""
        answer = await self.give(xml, **parameters)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return found["received"], found["changed"], found["removed"]

    async def take_back(self, api: str, object_id: str, **parameters: str) -> httpx.Response:
        parameters |= {"object_id": object_id}
        return await self.bed.http.delete(
            f"{self.url}/{api}", params=parameters, headers=self.headers
        )

    async def decisions(self, **parameters: str) -> list[dict[str, Any]]:
        answer = await self.bed.http.get(
            f"{self.url}/decisions", params=parameters, headers=self.headers
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["decisions"])


async def call(
    bed: Bed,
    caller: HeiId,
    api: str,
    major: int,
    endpoint: str,
    parameters: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
) -> Reply:
    """A partner's signed call to Outono's host. Raises PartnerError."""
    network = bed.world.network
    entry = network.known().entry(OUTONO, api, major)
    assert entry is not None
    more: dict[str, Any] = {"parameters": list(parameters)} if body is None else {"body": body}
    return await network.client().call(
        network.keys[caller], OUTONO, entry, f"{endpoint}-url", **more
    )


def signed(bed: Bed, path: str, body: bytes) -> dict[str, str]:
    """Headers of a call of our EWP host, signed by a partner."""
    return sign_request(
        bed.world.network.keys[LINDENTAL],
        method="POST",
        url=f"{bed.app.services.settings.public_url}{path}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=body,
        now=datetime.now(UTC),
    )

"""Factsheets of partners: kept with their age, through good and bad days."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from databases import until
from journeys.looking import WEEK, Hand, working_by_hand
from journeys.scenes import APPLY, Scene

from erasmus_app.mobilities.models import Api
from erasmus_app.store.factsheets import FactsheetTable
from ewp.host_services import GET_POST, Call, Endpoint
from ewp.ids import HeiId
from ewp.manifest import Offer
from ewp.messages import factsheet
from sandbox import office
from sandbox.cast import LINDENTAL, RIBEIRA

DEADLINES = """{ me { mobilities { deadlines {
    kind step on monthDay term time zone endsAt whoMustAct owner confidence eventKnown countsFirst
    countedFrom notes isPast movedFrom movedAt explanation supersededBy { name }
    basis { kind on monthDay event offset unit } appliesTo { direction activityType term firstYear }
    source { origin institution { heiId name(language: "en") } lastConfirmedAt name url version }
} } } }"""


@pytest.fixture
async def hand(dsn, valkey, tmp_path) -> AsyncIterator[Hand]:
    async with working_by_hand(dsn, valkey, tmp_path) as hand:
        yield hand


@dataclass(frozen=True)
class Publishing:
    """A factsheet's endpoint that answers this."""

    body: bytes
    api: str = "factsheet"
    major: int = 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        async def get(_: Call) -> bytes:
            return self.body

        return {"": Endpoint(GET_POST, get, anonymous=True)}

    def offer(self, base: str) -> Offer:
        children = (("url", f"{base}/factsheet/1"), ("max-hei-ids", "1"))
        return Offer(api=self.api, version="1.2.0", major=1, children=children, anonymous=True)


async def outgoing(hand: Hand) -> Scene:
    scene = await hand.scene("ines")
    await scene.nominated(before=APPLY)
    await hand.fetch(scene, Api.OMOBILITIES)
    return scene


async def known(hand: Hand):
    found = await hand.bed.app.services.factsheets.factsheet(LINDENTAL.hei_id)
    assert found is not None
    return found


async def test_a_student_sees_each_deadline_with_its_owner_and_its_source(hand: Hand):
    scene = await outgoing(hand)
    hand.bed.world.network.heis[LINDENTAL.hei_id].publish(
        nominations=f"{APPLY:--%m-%d}", applications=f"{APPLY:--%m-%d}"
    )
    await hand.read_factsheet(LINDENTAL.hei_id)
    read = (await known(hand)).last_confirmed_at

    answer = await hand.bed.ask(scene.phone, DEADLINES)
    [found] = [
        each for each in answer["me"]["mobilities"][0]["deadlines"] if each["kind"] == "APPLICATION"
    ]
    year, term = office.term_before(APPLY)
    assert found == {
        "kind": "APPLICATION",
        "step": None,
        "on": APPLY.isoformat(),
        **dict.fromkeys(("monthDay", "term", "time", "zone", "endsAt", "countedFrom")),
        "whoMustAct": "STUDENT",
        "owner": "HOST",
        "confidence": "PUBLISHED",
        "eventKnown": True,
        "countsFirst": True,
        "notes": [],
        "isPast": False,
        **dict.fromkeys(("movedFrom", "movedAt", "supersededBy")),
        "explanation": "Lindental University of Technology publishes this. It is published "
        f"without a year, and was resolved for {year}.",
        "basis": {
            "kind": "ANNUAL",
            "monthDay": f"{APPLY:--%m-%d}",
            **dict.fromkeys(("on", "event", "offset", "unit")),
        },
        "appliesTo": {
            "direction": "INCOMING",
            "activityType": None,
            "term": "SPRING" if term == 2 else "AUTUMN",
            "firstYear": None,
        },
        "source": {
            "origin": "FACTSHEET",
            "institution": {
                "heiId": "lindental.example",
                "name": "Lindental University of Technology",
            },
            "lastConfirmedAt": read.isoformat(),
            "name": None,
            "url": None,
            "version": "1",
        },
    }


async def test_the_same_content_read_again_moves_only_its_age(hand: Hand):
    assert await hand.read_factsheet(LINDENTAL.hei_id) == WEEK
    first = await known(hand)
    await hand.read_factsheet(LINDENTAL.hei_id)
    second = await known(hand)

    assert (first.revision, second.revision, second.value) == (1, 1, first.value)
    assert second.fetched_at == first.fetched_at
    assert second.last_confirmed_at > first.last_confirmed_at


async def test_a_partner_that_is_down_is_asked_again_ever_later_and_what_it_said_stays(
    hand: Hand,
):
    await hand.read_factsheet(LINDENTAL.hei_id)
    before = await known(hand)
    hand.bed.world.network.down.add(LINDENTAL.hei_id)
    waits = [await hand.read_factsheet(LINDENTAL.hei_id) for _ in range(3)]
    failures = await hand.bed.app.database.fetchval("select failures from factsheet")

    after = await known(hand)
    assert (failures, after.last_error) == (3, "partner_unreachable")
    assert all(30 <= wait <= 60 * 2**n for n, wait in enumerate(waits))  # with chance in it
    assert (after.value, after.last_confirmed_at) == (before.value, before.last_confirmed_at)


@pytest.mark.parametrize(
    "body",
    [b"<factsheet-response", b"<html/>", factsheet.write_response([]).replace(b"1", b"9")],
    ids=["cut off", "another document", "another namespace"],
)
async def test_an_answer_that_does_not_fit_leaves_the_last_good_one(hand: Hand, body: bytes):
    await hand.read_factsheet(LINDENTAL.hei_id)
    before = await known(hand)
    hand.bed.world.network.instead[LINDENTAL.hei_id] = (Publishing(body),)
    await hand.read_factsheet(LINDENTAL.hei_id)

    after = await known(hand)
    assert (after.value, after.last_error) == (before.value, "reply_invalid")


async def test_a_host_that_publishes_none_says_so(hand: Hand):
    hand.bed.world.network.instead[LINDENTAL.hei_id] = (Publishing(factsheet.write_response([])),)
    await hand.read_factsheet(LINDENTAL.hei_id)

    found = await known(hand)
    assert (found.value, found.last_error, found.revision) == (None, None, 1)


async def test_a_partner_s_factsheet_is_not_another_s(hand: Hand):
    ribeira = hand.bed.world.network.heis[RIBEIRA.hei_id]
    ribeira.publish(nominations="--05-01", applications="--05-02")
    assert ribeira.kept.published is not None
    strange = factsheet.write_response([ribeira.kept.published])
    hand.bed.world.network.instead[LINDENTAL.hei_id] = (Publishing(strange),)
    await hand.read_factsheet(LINDENTAL.hei_id)

    assert (await known(hand)).value is None
    assert await hand.bed.app.services.factsheets.factsheet(RIBEIRA.hei_id) is None


async def test_only_hosts_of_known_mobilities_are_asked(hand: Hand):
    await outgoing(hand)
    async with hand.bed.working():

        async def asked() -> int:
            return int(await hand.bed.app.database.fetchval("select count(*) from factsheet") or 0)

        await until(asked)
    rows = await hand.bed.app.database.fetch("select dedupe_key from job where kind = 'factsheet'")

    assert [row["dedupe_key"] for row in rows] == ["factsheet lindental.example"]


PRACTICAL = """query ($language: String) { me { mobilities { receivingInstitution {
    heiId name(language: $language)
    factsheetSource { state api fetchedAt lastConfirmedAt lastError }
    factsheet { nominations { autumn spring } applications { autumn spring }
        decisionWeeks transcriptWeeks source { state } }
    practical {
        application { email phone links { url language } }
        housing { email } visa { phone } insurance { links { url } }
        accessibility { kind name description information { email } }
        additional { title information { email } }
        source { state lastConfirmedAt }
    }
    requirements { kind name details links { url } source { state } }
} } } }"""


async def told(hand: Hand, scene: Scene) -> dict[str, Any]:
    answer = await hand.bed.ask(scene.phone, PRACTICAL, language="de")
    found: dict[str, Any] = answer["me"]["mobilities"][0]["receivingInstitution"]
    return found


async def test_a_student_sees_what_the_host_publishes_with_its_age(hand: Hand):
    scene = await outgoing(hand)
    hand.bed.world.network.heis[LINDENTAL.hei_id].publish(
        nominations="--04-30", applications="--05-31", requirements=["CV", "Selfie"]
    )
    await hand.read_factsheet(LINDENTAL.hei_id)
    at = (await known(hand)).last_confirmed_at.isoformat()
    email = "international@lindental.example"

    assert await told(hand, scene) == {
        "heiId": "lindental.example",
        "name": "Technische Hochschule Lindental",
        "factsheetSource": {
            "state": "PUBLISHED",
            "api": "factsheet",
            "fetchedAt": at,
            "lastConfirmedAt": at,
            "lastError": None,
        },
        "factsheet": {
            "nominations": {"autumn": "--04-30", "spring": "--04-30"},
            "applications": {"autumn": "--05-31", "spring": "--05-31"},
            "decisionWeeks": 4,
            "transcriptWeeks": 5,
            "source": {"state": "PUBLISHED"},
        },
        "practical": {
            "application": {
                "email": email,
                "phone": "+999123456",
                "links": [{"url": "https://www.lindental.example/exchange", "language": "en"}],
            },
            "housing": {"email": email},
            "visa": {"phone": "+999123456"},
            "insurance": {"links": [{"url": "https://www.lindental.example/exchange"}]},
            "accessibility": [
                {
                    "kind": "SERVICE",
                    "name": "Note takers",
                    "description": "Ask two weeks before the term begins.",
                    "information": {"email": email},
                }
            ],
            "additional": [{"title": "Bicycles", "information": {"email": email}}],
            "source": {"state": "PUBLISHED", "lastConfirmedAt": at},
        },
        "requirements": [
            {
                "kind": "CV",
                "name": "CV",
                "details": "As a PDF file.",
                "links": [],
                "source": {"state": "PUBLISHED"},
            },
            {
                "kind": "OTHER",
                "name": "Selfie",
                "details": "As a PDF file.",
                "links": [],
                "source": {"state": "PUBLISHED"},
            },
        ],
    }


@pytest.mark.parametrize(
    ("happens", "state", "code"),
    [
        ("nothing", "NOT_ASKED", None),
        ("down", "SILENT", "partner_unreachable"),
        ("publishes none", "NOT_PUBLISHED", None),
    ],
)
async def test_why_nothing_is_known_of_a_host_is_told(
    hand: Hand, happens: str, state: str, code: str | None
):
    scene = await outgoing(hand)
    if happens == "down":
        hand.bed.world.network.down.add(LINDENTAL.hei_id)
    elif happens == "publishes none":
        none = Publishing(factsheet.write_response([]))
        hand.bed.world.network.instead[LINDENTAL.hei_id] = (none,)
    if happens != "nothing":
        await hand.read_factsheet(LINDENTAL.hei_id)

    found = await told(hand, scene)
    source = found["factsheetSource"]
    assert (source["state"], source["lastError"]) == (state, code)
    assert (found["factsheet"], found["practical"], found["requirements"]) == (None, None, [])


async def test_what_a_host_said_stays_while_it_is_down(hand: Hand):
    scene = await outgoing(hand)
    await hand.read_factsheet(LINDENTAL.hei_id)
    before = await told(hand, scene)
    hand.bed.world.network.down.add(LINDENTAL.hei_id)
    await hand.read_factsheet(LINDENTAL.hei_id)

    assert await told(hand, scene) == before | {
        "factsheetSource": before["factsheetSource"] | {"lastError": "partner_unreachable"}
    }


async def test_what_a_host_withdraws_is_gone(hand: Hand):
    scene = await outgoing(hand)
    await hand.read_factsheet(LINDENTAL.hei_id)
    none = Publishing(factsheet.write_response([]))
    hand.bed.world.network.instead[LINDENTAL.hei_id] = (none,)
    await hand.read_factsheet(LINDENTAL.hei_id)
    after = await told(hand, scene)

    assert (after["factsheetSource"]["state"], after["practical"]) == ("NOT_PUBLISHED", None)


async def test_however_many_institutions_an_answer_has_their_factsheets_are_one_read(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    await outgoing(hand)
    second = await hand.scene("ines", "om-2")
    await second.nominated(before=APPLY)
    await hand.fetch(second, Api.OMOBILITIES)
    reads: list[list[str]] = []
    real = FactsheetTable.pages

    async def counted(table: FactsheetTable, heis: Sequence[HeiId]) -> Any:
        reads.append(list(heis))
        return await real(table, heis)

    monkeypatch.setattr(FactsheetTable, "pages", counted)
    await hand.bed.ask(
        second.phone,
        """{ me { mobilities {
            sendingInstitution { factsheet { decisionWeeks } requirements { name } }
            receivingInstitution { practical { source { state } } } deadlines { kind }
        } } }""",
    )

    assert [sorted(each) for each in reads] == [["lindental.example", "ribeira.example"]]

"""The feed over HTTP: who may give what, and that a refusal leaves nothing behind."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import fed
import pytest
from databases import in_clear
from fed import GRADES, LINDENTAL, OM, OUTONO, RIBEIRA, Feed
from msgspec.structs import replace
from testbed import Bed, bed_running

from erasmus_app.api.rest.feed import LARGEST
from ewp.messages import (
    ewpmobility,
    factsheet,
    imobilities,
    imobility_tors,
    institutions,
    omobilities,
    organizational_units,
)
from ewp.messages.common import Phone, Text
from sandbox import office
from sandbox.cast import INES
from sandbox.network import kept_key

TABLES = ("own_object", "mobility", "person", "source_document", "event", "poll_state", "job")


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False, prepare=fed.outono) as bed:
        yield bed


async def counts(bed: Bed) -> dict[str, int]:
    return {
        each: await bed.app.database.fetchval(f"select count(*) from {each}") for each in TABLES
    }


async def refused(bed: Bed, xml: bytes, feed: Feed | None = None, **parameters: str):
    """Status, code and object of a refusal, which must have changed nothing."""
    before = await counts(bed)
    answer = await (feed or Feed(bed)).give(xml, **parameters)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await counts(bed) == before
    assert "Inês" not in answer.text
    assert "Duarte" not in answer.text
    problem = answer.json()
    return problem["status"], problem["code"], problem.get("item")


GOOD = fed.nominations(fed.nomination())


async def test_one_document_writes_everything_at_once(bed: Bed):
    assert await Feed(bed).given(GOOD) == (1, 1, 0)

    assert await counts(bed) == {
        "own_object": 1,
        "mobility": 1,
        "person": 1,
        "source_document": 1,
        "event": 1,
        "poll_state": 1,
        "job": 1,  # the partner is to be told
    }
    source = await bed.app.database.fetchrow("select hei_id, signed_by from source_document")
    assert tuple(source) == (OUTONO, None)
    database = bed.app.database
    assert await in_clear(database, "source_document.xml") == await in_clear(
        database, "own_object.xml"
    )


async def test_the_same_document_again_moves_nothing_but_its_confirmation(bed: Bed):
    script = Feed(bed)
    await script.given(GOOD)
    before, database = await counts(bed), bed.app.database
    row = await database.fetchrow("select *, record::text as text from mobility")
    own = dict(await database.fetchrow("select * from own_object"))
    await database.execute("delete from job")

    spaced = GOOD.replace(b"><", b">\n  <")
    assert [await script.given(each) for each in (GOOD, spaced)] == [(1, 0, 0), (1, 0, 0)]

    assert await counts(bed) == before | {"job": 0}
    after = await database.fetchrow("select *, record::text as text from mobility")
    assert (after["version"], after["changed_at"]) == (row["version"], row["changed_at"])
    assert after["text"] != row["text"]  # when it was confirmed
    now = dict(await database.fetchrow("select * from own_object"))
    assert now.pop("confirmed_at") > own.pop("confirmed_at")
    assert now == own


async def test_a_half_bad_document_leaves_nothing(bed: Bed):
    good, foreign = fed.nomination("out-1"), fed.nomination("out-2", sending=RIBEIRA)
    half = fed.nominations(good, fed.nomination("out-3"), foreign)
    assert await refused(bed, half) == (400, "not_the_master", 3)

    broken = fed.nominations(good, fed.nomination("out-2")).replace(b">pending<", b">maybe<", 2)
    assert await refused(bed, broken) == (400, "document_invalid", 1)
    coming = [replace(COMES, omobility_id=f"in-{n}") for n in range(2)]
    file = ewpmobility.MobilityFile(omobilities=(good,), imobilities=tuple(coming))
    mixed = (
        ewpmobility.write_file(file)
        .replace(b"2026-11-20", b"soon")
        .replace(b"soon", b"2026-11-20", 1)
    )
    assert await refused(bed, mixed) == (400, "document_invalid", 2)
    second = broken.replace(b">maybe<", b">pending<", 1)
    assert await refused(bed, second) == (400, "document_invalid", 2)


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"", (400, "xml_refused", None)),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", (400, "xml_refused", None)),
        (b"<a/>", (400, "document_invalid", None)),
        (fed.nominations(fed.nomination(), fed.nomination()), (400, "object_twice", 2)),
        (fed.nominations(fed.nomination(receiving=OUTONO)), (400, "not_a_mobility", 1)),
        # Readers can live without it, partners' systems may not.
        (GOOD.replace(b"<gender>2</gender>", b""), (400, "document_invalid", 1)),
    ],
)
async def test_what_cannot_be_served_is_not_taken(bed: Bed, xml: bytes, why):
    assert await refused(bed, xml) == why


async def test_a_token_is_good_for_one_hei(bed: Bed):
    assert await refused(bed, GOOD, Feed(bed, token="guess")) == (401, "feed_token_unknown", None)
    ribeiras = Feed(bed, token=fed.OF_RIBEIRA)
    assert await refused(bed, GOOD, ribeiras) == (403, "feed_of_another_hei", None)
    unheard = Feed(bed, hei="unheard.example")
    assert await refused(bed, GOOD, unheard) == (403, "feed_of_another_hei", None)
    hash_itself = Feed(bed, token=fed.hashed(fed.TOKEN))
    assert await refused(bed, GOOD, hash_itself) == (401, "feed_token_unknown", None)
    assert await Feed(bed).given(GOOD) == (1, 1, 0)


async def test_another_media_type_and_too_much_are_refused(bed: Bed):
    script = Feed(bed)
    for kind in ("application/json", "text/html", ""):
        answer = await bed.http.post(
            script.url, content=GOOD, headers=script.headers | {"content-type": kind}
        )
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_not_supported")
    spaces = b" " * (LARGEST + 1)
    assert await refused(bed, spaces) == (413, "document_too_large", None)
    many = fed.nominations(*(fed.nomination(f"out-{n}") for n in range(2001)))
    assert await refused(bed, many) == (413, "too_many_objects", None)


async def test_an_id_is_never_used_for_another_partner(bed: Bed):
    script = Feed(bed)
    await script.given(GOOD)
    other = fed.nominations(fed.nomination(receiving="clairval.example"))
    assert await refused(bed, other) == (400, "partner_changed", 1)

    await script.take_back("omobilities", OM)
    assert await refused(bed, other) == (400, "partner_changed", 1)
    assert await script.given(GOOD) == (1, 1, 0)


COMES = imobilities.IncomingMobilityV2(omobility_id="in-1", actual_arrival_date=date(2026, 11, 20))


async def test_an_incoming_mobility_finds_its_sender_or_says_which_object_does_not(bed: Bed):
    script, xml = Feed(bed), fed.arrivals(COMES)
    assert await refused(bed, xml) == (400, "sending_hei_not_known", 1)
    assert await refused(bed, xml, sending_hei_id=" ") == (400, "parameter_invalid", None)

    assert await script.given(xml, sending_hei_id="LINDENTAL.example") == (1, 1, 0)
    assert await script.given(xml) == (1, 0, 0)  # now it is known
    assert await script.given(xml, sending_hei_id="clairval.example") == (1, 1, 0)
    assert await refused(bed, xml) == (400, "sending_hei_not_known", 1)
    several = await script.take_back("imobilities", "in-1")
    assert (several.status_code, several.json()["code"]) == (400, "sending_hei_not_known")
    one = await script.take_back("imobilities", "in-1", sending_hei_id="clairval.example")
    assert one.json()["removed"] == 1


async def test_a_transcript_alone_is_a_record_that_its_student_can_read(bed: Bed):
    phone, issuer = await bed.signed_in("ines"), bed.world.network.heis[RIBEIRA]
    office.issue_transcript(issuer, INES, LINDENTAL, "in-9", grades=GRADES)
    xml = imobility_tors.write_get_response([issuer.kept.transcripts["in-9"]], major=1)
    ours = xml.replace(RIBEIRA.encode() + b"</", OUTONO.encode() + b"</")

    assert await Feed(bed).given(ours, sending_hei_id=LINDENTAL) == (1, 1, 0)
    answer = await bed.ask(phone, "{ me { mobilities { state transcript { isFinal } } } }")
    [mobility] = answer["me"]["mobilities"]
    assert mobility["transcript"] == {"isFinal": True}
    kept = await bed.app.database.fetchval("select major from own_object")
    assert kept == 2  # versions 1 and 2 carry the same


async def test_complete_removes_what_is_left_out_of_one_api_version_and_sender(bed: Bed):
    script = Feed(bed)
    await script.given(fed.nominations(fed.nomination("out-1"), fed.nomination("out-2")))
    old = omobilities.StudentMobilityV2(
        omobility_id="out-old",
        sending_hei=omobilities.MobilityHei(hei_id=OUTONO),
        receiving_hei=omobilities.MobilityHei(hei_id=LINDENTAL),
        sending_academic_term_ewp_id="2026/2027-1/2",
        receiving_academic_year_id="2026/2027",
        student=omobilities.StudentV2(
            given_names=(Text(value="Inês"),),
            family_names=(Text(value="Duarte"),),
            global_id="urn:schac:personalUniqueCode:int:esi:outono.example:1",
        ),
        status=omobilities.StatusV2.NOMINATION,
        activity_type="student-studies",
        activity_attributes="long-term",
    )
    await script.given(omobilities.write_get_response([old], major=2))
    for sender in ("lindental.example", "clairval.example"):
        await script.given(fed.arrivals(COMES), sending_hei_id=sender)

    assert await script.given(GOOD, complete="true") == (1, 1, 2)
    only = {"complete": "true", "sending_hei_id": LINDENTAL}
    assert await script.given(fed.arrivals(replace(COMES, omobility_id="in-2")), **only) == (
        1,
        1,
        1,
    )
    assert await refused(bed, fed.arrivals(), complete="true") == (400, "document_empty", None)
    left = await bed.app.database.fetch(
        "select object_id from own_object where removed_at is null order by 1"
    )
    assert [row["object_id"] for row in left] == ["in-1", "in-2", "out-old", OM]


async def test_an_exchange_file_brings_both_directions_and_is_never_complete(bed: Bed):
    file = ewpmobility.MobilityFile(omobilities=(fed.nomination(),), imobilities=(COMES,))
    xml = ewpmobility.write_file(file)

    assert await refused(bed, xml, complete="true") == (400, "complete_not_possible", None)
    assert await Feed(bed).given(xml, sending_hei_id=LINDENTAL) == (2, 2, 0)


INFO = factsheet.InformationEntry(
    email="incoming@outono.example",
    phone_number=Phone(e164="+351123"),
    website_urls=(Text(value="https://outono.example/in", lang="en"),),
)
TERMS = factsheet.CalendarEntry(autumn_term="--05-15", spring_term="--10-31")
SHEET = factsheet.Factsheet(
    hei_id=OUTONO,
    calendar=factsheet.Calendar(student_nominations=TERMS, student_applications=TERMS),
    application_info=INFO,
    decision_weeks_limit=4,
    tor_weeks_limit=5,
    housing_info=INFO,
    visa_info=INFO,
    insurance_info=INFO,
)
HEI = institutions.Hei(
    hei_id=OUTONO,
    names=(Text(value="Escola do Outono", lang="pt"),),
    root_ounit_id="root",
    ounit_ids=("root", "math"),
)
UNITS = tuple(
    organizational_units.OrganizationalUnit(
        ounit_id=each, ounit_code=code, names=(Text(value=each),)
    )
    for each, code in (("root", "R"), ("math", "M"))
)


async def test_public_data_are_shown_to_anybody(bed: Bed):
    script, network = Feed(bed), bed.world.network

    async def read(api: str, **parameters: str) -> bytes:
        url = network.known().entries(OUTONO, api)[0].urls["url"]
        return (await network.http.get(url, params=parameters)).raise_for_status().content

    named = institutions.read_response(await read("institutions", hei_id=OUTONO))
    assert named == (institutions.Hei(hei_id=OUTONO, names=HEI.names),)  # from the HEI file
    assert factsheet.read_response(await read("factsheet", hei_id=OUTONO)) == ()

    assert await script.given(institutions.write_response([HEI])) == (1, 1, 0)
    assert await script.given(factsheet.write_response([SHEET])) == (1, 1, 0)
    assert await script.given(organizational_units.write_response(UNITS)) == (2, 2, 0)
    assert institutions.read_response(await read("institutions", hei_id=OUTONO)) == (HEI,)
    assert factsheet.read_response(await read("factsheet", hei_id=OUTONO)) == (SHEET,)
    units = organizational_units.read_response
    asked = {"hei_id": OUTONO}
    assert units(await read("organizational-units", ounit_id="math", **asked)) == UNITS[1:]
    assert units(await read("organizational-units", ounit_code="R", **asked)) == UNITS[:1]
    assert await script.given(organizational_units.write_response(UNITS[:1]), complete="true") == (
        1,
        0,
        1,
    )
    assert units(await read("organizational-units", ounit_code="M", **asked)) == ()
    assert (await counts(bed))["job"] == (await counts(bed))["mobility"] == 0


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (factsheet.write_response([SHEET]).replace(b"outono.e", b"ribeira.e"), "not_the_master"),
        (institutions.write_response([HEI]).replace(b"outono.e", b"x.e"), "not_the_master"),
        (
            institutions.write_response([HEI]).replace(b"<root-ounit-id>root", b"<root-ounit-id>r"),
            "root_ounit_not_listed",
        ),
    ],
)
async def test_public_data_of_another_hei_are_refused(bed: Bed, xml: bytes, why: str):
    assert await refused(bed, xml) == (400, why, 1)


async def test_a_moment_without_a_zone_and_an_unheard_api_are_refused(bed: Bed):
    script = Feed(bed)
    answer = await bed.http.get(
        f"{script.url}/decisions", params={"since": "2026-11-20T12:00:00"}, headers=script.headers
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")
    for strange in ("", "a b", "\x00", "x" * 65):
        assert (await script.take_back("omobilities", strange)).status_code == 404
    answer = await script.take_back("iias", "x")
    assert (answer.status_code, answer.json()["code"]) == (400, "api_unknown")


async def test_a_transcript_alone_is_counted_in_the_year_that_it_names(bed: Bed):
    network, feed = bed.world.network, Feed(bed)
    issuer = network.heis[RIBEIRA]
    for omobility_id in ("in-8", "in-9"):
        office.issue_transcript(issuer, INES, LINDENTAL, omobility_id, grades=GRADES)
    with_year = issuer.kept.transcripts["in-9"]
    xml = imobility_tors.write_get_response(issuer.kept.transcripts.values(), major=3)
    await feed.given(xml.replace(b">ribeira.", b">outono."), sending_hei_id=LINDENTAL)
    await feed.take_back("imobility-tors", "in-8", sending_hei_id=LINDENTAL)

    entry = network.known().entry(OUTONO, "imobility-tor-stats", 1)
    assert entry is not None
    heis = Path(bed.world.environment["ERASMUS_APP_EWP_HEIS"])
    key = kept_key(heis.parent / "keys" / "outono.pem")
    reply = await network.client().call(key, OUTONO, entry, "url", method="GET")

    assert imobility_tors.read_stats_response(reply.body) == (
        imobility_tors.YearStats(
            receiving_academic_year_id=with_year.receiving_academic_year_id, imobility_tor_total=1
        ),
    )

"""The list of hostile answers: signed by the book, and wrong in what they say.

Each is asked for over a real socket. It ends in an error with a code, and carries the fingerprint
for the quarantine, or in what is left of it once what nobody may say is taken out.
"""

import codecs
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from unit.ewp.client.partner import HEI, KEY, OTHER, calling
from unit.ewp.registries import Clock

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.models import Api
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.network import EwpPartners
from erasmus_app.partners.own_systems import OwnSystems

SAMPLES = Path(__file__).parents[2] / "samples" / "ewp"
TENANT = HeiId("lindental.example")
GET = ("get-url", "index-url")
LIMITS = "<max-omobility-ids>3</max-omobility-ids>"
NOMINATION = (SAMPLES / "omobilities-3-get-response.xml").read_bytes()
AGREEMENT = (
    (SAMPLES / "omobility-las-1-get-response.xml")
    .read_bytes()
    .replace(b"jezioro.example", HEI.encode())
)
[ITEM] = re.findall(rb"<student-mobility>.*</student-mobility>", NOMINATION, re.DOTALL)
ID = OmobilityId("om-2026-0117")
LA_ID = OmobilityId("JZ/2026/44")
[SIGNED_AT, *_] = re.findall(rb"<timestamp>([^<]*)</timestamp>", AGREEMENT)


async def asked(body, ids, api=Api.OMOBILITIES):
    """Ask a partner for these, who answers so whatever it is asked."""
    async with calling() as calls:
        version = {Api.OMOBILITIES: "3.0.0", Api.OMOBILITY_LAS: "1.2.0"}[api]
        calls.know(calls.partner.entry(api.value, version, urls=GET, limits=LIMITS))
        calls.partner.body = body
        clock = Clock()
        partners = EwpPartners(
            client=calls.client(),
            catalogue=lambda: calls.catalogue,
            own_systems=OwnSystems(calls.http, {}, clock),
            keys={TENANT: KEY},
            breakers=Breakers(clock),
            clock=clock,
        )
        return await partners.ask(TENANT, HeiId(HEI), api, HeiId(HEI), ids)


def nomination(old, new):
    changed = NOMINATION.replace(old, new)
    assert changed != NOMINATION
    return changed


def signed_at(moment):
    return AGREEMENT.replace(SIGNED_AT, moment)


def born(day):
    return nomination(b"2004-03-09", day)


DOCTYPE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
MILLION_LAUGHS = b'<!DOCTYPE a [<!ENTITY b "%b">]>' % b"ha" * 1_000
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'

REFUSED = {
    # -- Not the document --
    "nothing": b"",
    "an HTML page": b"<html><body>Please log in</body></html>",
    "JSON": b'{"error": "not found"}',
    "a relative namespace name": nomination(
        b"<student-mobility>", b'<student-mobility xmlns:k="//here.example/">'
    ),
    "another root": nomination(b"omobilities-get-response", b"omobilities-index-response"),
    "another API's namespace": nomination(b"api-omobilities/", b"api-imobilities/"),
    "a namespace of a major that is not there": nomination(b"stable-v3", b"stable-v4"),
    "no namespace": nomination(b" xmlns=", b" xmlns:x="),
    "half of it": NOMINATION[: len(NOMINATION) // 2],
    "two documents": NOMINATION + NOMINATION[len(HEAD) :],
    "NUL inside": nomination(b"Duarte", b"Du\0arte"),
    # -- Encodings --
    "UTF-16 that is not declared by a mark": NOMINATION.decode().encode("utf-16-le"),
    "UTF-16 that is declared and is none": nomination(b"UTF-8", b"UTF-16"),
    "UTF-32": codecs.BOM_UTF32_LE + NOMINATION.decode().encode("utf-32-le"),
    "ISO-8859-1 that is called UTF-8": NOMINATION.decode().encode("iso-8859-1"),
    "UTF-7": nomination(b"UTF-8", b"UTF-7"),
    "an encoding that nobody knows": nomination(b"UTF-8", b"EBCDIC-CP-DK"),
    "a mark of UTF-8 before ISO-8859-1": codecs.BOM_UTF8 + nomination(b"UTF-8", b"ISO-8859-1"),
    "two bytes too long for a letter": nomination(b"Duarte", b"\xc0\x80"),
    "half of a pair of surrogates": nomination(b"Duarte", b"\xed\xa0\x80"),
    # -- Bombs --
    "an entity from a file": nomination(HEAD, HEAD + DOCTYPE),
    "entities of entities": nomination(HEAD, HEAD + MILLION_LAUGHS),
    "an entity that is not declared": nomination(b"Duarte", b"&passwd;"),
    "10,000 levels": nomination(b"Duarte", b"<a>" * 10_000 + b"</a>" * 10_000),
    "100 levels": nomination(b"<status>", b"<a>" * 100 + b"</a>" * 100 + b"<status>"),
    "300,000 elements": nomination(b"<status>", b"<a/>" * 300_000 + b"<status>"),
    "300,000 attributes": nomination(
        b"<status>", b"<a %b/><status>" % b" ".join(b'a%d=""' % n for n in range(300_000))
    ),
    "the same attribute twice": nomination(b"proposal-id=", b'proposal-id="a" proposal-id='),
    "two different objects of one id": nomination(ITEM, ITEM + ITEM.replace(b"Duarte", b"Silva")),
    # -- Values --
    "no id": nomination(b"<omobility-id>om-2026-0117</omobility-id>", b""),
    "an empty id": nomination(b">om-2026-0117<", b"><"),
    "an id of 65 characters": nomination(b">om-2026-0117<", b">" + b"a" * 65 + b"<"),
    "an id with a line break": nomination(b">om-2026-0117<", b">om-2026\n0117<"),
    "an id that is not ASCII": nomination(b">om-2026-0117<", ">om-2026-０117<".encode()),
    "two ids": nomination(b"</omobility-id>", b"</omobility-id><omobility-id>b</omobility-id>"),
    "a status that nobody knows": nomination(b">pending<", b">approved-by-me<"),
    "no status": nomination(b"<status>pending</status>", b""),
    "an HEI id with a path": nomination(b">ribeira.example<", b">../../ribeira.example<"),
    "an academic year of words": nomination(b">2026/2027<", b">next year<"),
}

OUT_OF_TIME = {
    "the 30th of February": b"2026-02-30T00:00:00Z",
    "the 29th of February in a common year": b"2026-02-29T00:00:00Z",
    "year 0": b"0000-01-01T00:00:00Z",
    "year 99999": b"99999-01-01T00:00:00Z",
    "year +99999": b"+99999-01-01T00:00:00Z",
    "a year before Christ": b"-0044-03-15T00:00:00Z",
    "a leap second": b"2026-12-31T23:59:60Z",
    "25 o'clock": b"2026-03-02T25:00:00Z",
    "the midnight after the last day": b"9999-12-31T24:00:00Z",
    "before the first moment in UTC": b"0001-01-01T00:00:00+14:00",
    "after the last moment in UTC": b"9999-12-31T23:59:59-14:00",
    "a zone of 99 hours": b"2026-03-02T09:00:00+99:00",
    "a zone in words": b"2026-03-02T09:00:00CET",
    "a day alone": b"2026-03-02",
    "a number": b"1772442307",
    "digits of another script": "２０２６-03-02T09:00:00Z".encode(),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
async def test_a_nomination_that_does_not_fit_is_refused_by_name_and_quarantined(body):
    with pytest.raises(PartnerFailed) as failed:
        await asked(body, [ID])

    assert (failed.value.code, failed.value.retry) == ("reply_invalid", False)
    assert failed.value.misfit is not None
    assert failed.value.misfit.size == len(body)
    assert not any(each in str(failed.value) for each in ("Duarte", "Silva", "passwd", "by-me"))


@pytest.mark.parametrize("moment", OUT_OF_TIME.values(), ids=OUT_OF_TIME)
async def test_a_moment_that_cannot_be_is_refused_by_name_and_quarantined(moment):
    with pytest.raises(PartnerFailed) as failed:
        await asked(signed_at(moment), [LA_ID], Api.OMOBILITY_LAS)

    assert (failed.value.code, failed.value.retry) == ("reply_invalid", False)
    assert "timestamp: must be a date and time" in str(failed.value)
    assert failed.value.misfit is not None


@pytest.mark.parametrize(
    ("moment", "in_utc"),
    [
        (b"0001-01-01T14:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
        (b"9999-12-31T09:59:59-14:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"2028-02-29T23:59:59.999999999Z", datetime(2028, 2, 29, 23, 59, 59, 999_999, UTC)),
        (b"2026-12-31T24:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        (b"2026-03-02T09:00:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
    ],
)
async def test_a_moment_at_the_edge_of_the_calendar_is_read_to_the_second(moment, in_utc):
    [answer] = await asked(signed_at(moment), [LA_ID], Api.OMOBILITY_LAS)

    found = answer.reading.value.first_version.student_signature.signed_at
    assert found.astimezone(UTC) == in_utc


@pytest.mark.parametrize(
    "birth_date",
    [b"2004-02-30", b"0000-00-00", b"99999-01-01", b"+99999-01-01", b"soon", b"2004-03"],
)
async def test_a_birth_date_that_cannot_be_is_refused_by_name(birth_date):
    with pytest.raises(PartnerFailed) as failed:
        await asked(born(birth_date), [ID])

    assert failed.value.code == "reply_invalid"
    assert "birth-date: must be a date" in str(failed.value)


# -- What is left of an answer --


async def test_what_was_not_asked_for_is_not_heard():
    more = ITEM.replace(b"om-2026-0117", b"om-unasked") * 2_000
    [answer] = await asked(nomination(ITEM, more + ITEM), [ID])

    assert answer.reading.omobility_id == ID
    assert answer.reading.value is not None


async def test_another_hei_s_mobility_counts_as_left_out():
    foreign = nomination(b">ribeira.example<", f">{OTHER}<".encode())

    [answer] = await asked(foreign, [ID])

    assert (answer.reading.value, answer.document) == (None, None)


async def test_the_same_object_twice_is_there_once():
    [answer] = await asked(nomination(ITEM, ITEM + ITEM), [ID])

    assert answer.reading.value is not None


async def test_an_object_of_a_stranger_s_namespace_is_none_of_ours():
    extension = b'<x:student-mobility xmlns:x="https://x.example">?</x:student-mobility>'

    [answer] = await asked(nomination(ITEM, extension + ITEM), [ID])

    assert answer.reading.value is not None


async def test_nothing_of_what_was_asked_is_an_answer_too():
    found = await asked(nomination(ITEM, b""), [ID, OmobilityId("om-2")])

    assert [(each.reading.omobility_id, each.document) for each in found] == [
        (ID, None),
        ("om-2", None),
    ]


@pytest.mark.parametrize(
    "esi", [b"", b"none", b"urn:schac:personalUniqueCode:int:esi:", b"' or 1=1 --", b"a" * 100_000]
)
async def test_what_is_no_esi_is_passed_on_as_sent_and_matched_with_nobody(esi):
    """The store looks whom an ESI is (`identity.esi.is_esi`); here it is a text."""
    body = nomination(b"urn:schac:personalUniqueCode:int:esi:ribeira.example:2026117", esi)

    [answer] = await asked(body, [ID])

    assert (answer.reading.value.student.esi or "").encode() == esi


@pytest.mark.parametrize(
    "body",
    [
        nomination(b"UTF-8", b"UTF-16").decode().encode("utf-16"),
        codecs.BOM_UTF8 + NOMINATION,
        nomination(b"UTF-8", b"ISO-8859-1").decode().encode("iso-8859-1"),
        NOMINATION.replace(HEAD, b""),
    ],
    ids=["UTF-16", "a mark of UTF-8", "ISO-8859-1", "no declaration"],
)
async def test_an_encoding_that_is_said_truly_is_read(body):
    [answer] = await asked(body, [ID])

    assert answer.reading.value.student.given_names in {"Inês", "Ines"}


async def test_a_huge_text_is_read_up_to_the_limit_of_the_answer():
    [answer] = await asked(nomination(b"Please give", b"a" * 9_000_000), [ID])

    assert answer.reading.value is not None
    with pytest.raises(PartnerFailed) as failed:
        await asked(nomination(b"Please give", b"a" * 10_000_000), [ID])
    assert failed.value.code == "reply_invalid"

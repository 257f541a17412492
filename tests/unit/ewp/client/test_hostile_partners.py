"""The list of hostile partners: what one does, and the code of the error that it ends in.

Signatures, statuses and bodies that are wrong without being hostile are in `test_failures.py`;
what hostile answers say in XML is in `tests/unit/partners/test_hostile_answers.py`.
"""

import asyncio
import gzip
from datetime import timedelta
from itertools import repeat

import pytest
from unit.ewp.client.hostile import (
    BOMB,
    HTML,
    NOTHING,
    an_answer,
    chunks,
    drips,
    falls_silent,
    goes_on,
    raw_deflate,
    says,
    sends,
    unsigned,
)
from unit.ewp.client.partner import HEI, KEY, PARTNER, THIRD, an_echo, calling
from unit.ewp.stranger import NOW, date_of, digest_of

from ewp.client import LARGEST_ANSWER
from ewp.errors import PartnerError, PartnerUnreachable, ReplyNotTrusted

UNREACHABLE, REFUSED = "partner_unreachable", "partner_refused"
UNTRUSTED, INVALID = "reply_not_trusted", "reply_invalid"

GB = 1_000_000_000
MB = b"\0" * 1_000_000
CHUNKED = an_answer(b"transfer-encoding: chunked")
UUID = "dc05b425-4e86-4106-8dde-1257fccf53e5"


def skewed(**by):
    return {"original-date": date_of(NOW + timedelta(**by))}


CASES = {
    # -- It does not speak HTTP --
    "no status in the first line": (sends(b"HTTP/1.1 fine\r\n\r\n"), UNREACHABLE),
    "a status of four digits": (sends(b"HTTP/1.1 1000 So\r\n\r\n"), UNREACHABLE),
    "a status below 100": (sends(b"HTTP/1.1 099 So\r\ncontent-length: 0\r\n\r\n"), UNREACHABLE),
    "a status above 599": (sends(b"HTTP/1.1 999 So\r\ncontent-length: 0\r\n\r\n"), UNREACHABLE),
    "HTTP/0.9": (sends(HTML), UNREACHABLE),
    "HTTP/3.0 in words": (sends(b"HTTP/3.0 200 OK\r\n\r\n"), UNTRUSTED),
    "random bytes": (sends(bytes(range(256)) * 40), UNREACHABLE),
    "another protocol on request": (
        sends(b"HTTP/1.1 101 So\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
        UNREACHABLE,
    ),
    # -- Headers --
    "5,000 headers, no signature among them": (sends(an_answer(*([b"a: b"] * 5_000))), UNTRUSTED),
    "50,000 headers": (sends(an_answer(*([b"a: b"] * 50_000))), UNREACHABLE),
    "a header of 1 MB": (sends(an_answer(b"a: " + b"b" * 1_000_000)), UNREACHABLE),
    "headers without end": (goes_on(b"HTTP/1.1 200 So\r\n", repeat(b"a: b\r\n")), UNREACHABLE),
    "a header line without a colon": (sends(an_answer(b"nonsense")), UNREACHABLE),
    "NUL in a header": (sends(an_answer(b"a: b\0c")), UNREACHABLE),
    "two lengths": (
        sends(an_answer(b"content-length: 4", b"content-length: 5", body=b"<a/>>")),
        UNREACHABLE,
    ),
    "a negative length": (sends(an_answer(b"content-length: -1")), UNREACHABLE),
    "a length beyond all numbers": (
        sends(an_answer(b"content-length: " + b"9" * 5_000)),
        UNREACHABLE,
    ),
    "an unknown transfer encoding": (sends(an_answer(b"transfer-encoding: gzip")), UNREACHABLE),
    "a redirect to itself": (unsigned(302, location="/api/url"), UNREACHABLE),
    "a redirect to nowhere": (unsigned(302, location="mailto:a@b.example"), UNREACHABLE),
    "a redirect to a script": (unsigned(307, location="javascript:alert(1)"), UNREACHABLE),
    "a redirect to no host": (unsigned(301, location="https:sis"), UNREACHABLE),
    "a redirect of 80 kB": (unsigned(308, location="/" + "a" * 80_000), UNREACHABLE),
    # -- Bodies: size --
    "1 GB with its length": (
        goes_on(an_answer(b"content-length: %d" % GB), repeat(MB)),
        INVALID,
    ),
    "1 GB with its length, as an error": (
        goes_on(an_answer(b"content-length: %d" % GB).replace(b"200", b"500", 1), repeat(MB)),
        INVALID,
    ),
    "chunks without end": (goes_on(CHUNKED, chunks(MB)), INVALID),
    "a body without length or end": (goes_on(an_answer(), repeat(MB)), INVALID),
    "a length that is not reached": (
        sends(an_answer(b"content-length: 1000", body=b"<a/>")),
        UNREACHABLE,
    ),
    "a chunk of no length": (sends(CHUNKED + b"zz\r\n<a/>\r\n0\r\n\r\n"), UNREACHABLE),
    "a chunk larger than all numbers": (sends(CHUNKED + b"f" * 400 + b"\r\n<a/>"), UNREACHABLE),
    "chunks without the last one": (sends(CHUNKED + b"4\r\n<a/>\r\n"), UNREACHABLE),
    "a connection that is reset within the body": (
        sends(an_answer(b"content-length: 1000", body=b"<a>"), resets=True),
        UNREACHABLE,
    ),
    "one byte over the limit": (says(body=b" " * (LARGEST_ANSWER + 1)), INVALID),
    # -- Bodies: gzip --
    "a bomb": (says(body=BOMB, encoding="gzip"), INVALID),
    "a bomb in an error": (unsigned(400, BOMB, content_encoding="gzip"), REFUSED),
    "one byte over the limit once unpacked": (
        says(body=gzip.compress(b" " * (LARGEST_ANSWER + 1)), encoding="gzip"),
        INVALID,
    ),
    "a bomb in a bomb": (says(body=gzip.compress(BOMB), encoding="gzip, gzip"), UNREACHABLE),
    "a bomb in a bomb, told once": (says(body=gzip.compress(BOMB), encoding="gzip"), INVALID),
    "100,000 members": (says(body=NOTHING * 100_000, encoding="gzip"), UNREACHABLE),
    "a second member": (says(packed=lambda b: gzip.compress(b) * 2, encoding="gzip"), UNREACHABLE),
    "garbage behind the end": (
        says(packed=lambda b: gzip.compress(b) + b"?", encoding="gzip"),
        UNREACHABLE,
    ),
    "no end": (says(packed=lambda b: gzip.compress(b)[:-9], encoding="gzip"), UNREACHABLE),
    "a wrong checksum": (
        says(packed=lambda b: gzip.compress(b)[:-8] + b"\0" * 8, encoding="gzip"),
        UNREACHABLE,
    ),
    "deflate that is called gzip": (says(packed=raw_deflate, encoding="gzip"), UNREACHABLE),
    "gzip that is not called so": (says(packed=gzip.compress), INVALID),
    "zstd": (says(encoding="zstd"), UNREACHABLE),
    # -- Statuses --
    "an HTML page": (unsigned(), UNTRUSTED),
    "an HTML page, signed": (says(body=HTML), INVALID),
    "an HTML page, not allowed": (unsigned(403), REFUSED),
    "an HTML page, broken": (unsigned(500), UNREACHABLE),
    "come back in a century": (unsigned(503, retry_after="3153600000"), UNREACHABLE),
    "come back when it is right": (unsigned(503, retry_after="soon"), UNREACHABLE),
    "too many questions": (unsigned(429, retry_after="1"), REFUSED),
    "nothing, and that is all right": (says(204, b""), INVALID),
    "nothing new": (unsigned(304, b""), UNREACHABLE),
    "an empty body": (says(body=b""), INVALID),
    "blanks": (says(body=b" " * 1_000_000), INVALID),
    # -- Signatures --
    "no signature": (unsigned(body=b"<a/>"), UNTRUSTED),
    "another HEI's key": (says(signs=THIRD), UNTRUSTED),
    "a digest of something else": (says(before={"digest": digest_of(b"")}), UNTRUSTED),
    "a digest of what is inside the gzip": (
        says(
            packed=gzip.compress,
            encoding="gzip",
            body=b"<a/>",
            before={"digest": digest_of(b"<a/>")},
        ),
        UNTRUSTED,
    ),
    "a digest that proves little": (says(before={"digest": "MD5=AAAA, SHA=AAAA"}), UNTRUSTED),
    "no digest": (says(before={"digest": None}), UNTRUSTED),
    "no request id": (says(before={"x-request-id": None}), UNTRUSTED),
    "another request's id": (says(before={"x-request-id": UUID}), UNTRUSTED),
    "another request's signature": (says(before={"x-request-signature": "AAAA"}), UNTRUSTED),
    "a clock that is behind": (says(before=skewed(seconds=-301)), UNTRUSTED),
    "a clock that is ahead": (says(before=skewed(seconds=301)), UNTRUSTED),
    "the year 9999": (says(before=skewed(days=2_900_000)), UNTRUSTED),
    "the year 1": (
        says(before={"original-date": "Mon, 01 Jan 0001 00:00:00 GMT"}),
        UNTRUSTED,
    ),
    "the 30th of February": (
        says(before={"original-date": "Mon, 30 Feb 2026 09:05:07 GMT"}),
        UNTRUSTED,
    ),
    "a leap second": (
        says(before={"original-date": "Mon, 02 Mar 2026 09:05:60 GMT"}),
        UNTRUSTED,
    ),
    "a signature of 60 kB": (says(after={"signature": 'keyId="' + "a" * 60_000}), UNTRUSTED),
    "10,000 signed names": (
        says(after={"signature": f'keyId="a",headers="{"a " * 4_000}"'}),
        UNTRUSTED,
    ),
}


SLOW = {
    "silence": (falls_silent(), UNREACHABLE),
    "silence within the headers": (falls_silent(b"HTTP/1.1 200 So\r\na"), UNREACHABLE),
    "silence within the body": (
        falls_silent(an_answer(b"content-length: 9", body=b"<a>")),
        UNREACHABLE,
    ),
    "headers byte by byte": (drips(b"HTTP/1.1 200 So\r\na: ", b"b"), UNREACHABLE),
    "a body byte by byte": (drips(an_answer(b"content-length: 9999"), b"a"), UNREACHABLE),
    "chunks byte by byte": (drips(CHUNKED, b"1\r\na\r\n"), UNREACHABLE),
    "interim answers without end": (
        goes_on(b"", repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
        UNREACHABLE,
    ),
    "chunks of one byte without end": (goes_on(CHUNKED, chunks(b"a")), UNREACHABLE),
}


@pytest.mark.parametrize(
    ("behave", "code", "limits"),
    [
        *((behave, code, {}) for behave, code in CASES.values()),
        # As with the usual 10 and 60 seconds, only sooner.
        *((*case, {"silent_seconds": 0.3, "total_seconds": 1.0}) for case in SLOW.values()),
    ],
    ids=[*CASES, *SLOW],
)
async def test_what_a_hostile_partner_does_ends_in_an_error_that_has_a_name(
    calls, behave, code, limits
):
    behave(calls.partner)

    with pytest.raises(PartnerError) as failed:
        await calls.client(**limits).echo(KEY, HEI, ["a"])

    assert (failed.value.code, failed.value.hei_id) == (code, HEI)
    assert len(calls.partner.heard) == 1  # nothing was tried again, and no redirect followed


BEARABLE = {
    "HTTP/1.0": (says(), b"HTTP/1.0 200 OK"),
    "no reason phrase": (says(), b"HTTP/1.1 200 "),
    "the largest answer there may be": (
        says(packed=lambda body: body + b" " * (LARGEST_ANSWER - len(body))),
        b"HTTP/1.1 200 OK",
    ),
    "the largest answer there may be, in gzip": (
        says(
            packed=lambda body: gzip.compress(body + b" " * (LARGEST_ANSWER - len(body))),
            encoding="gzip",
        ),
        b"HTTP/1.1 200 OK",
    ),
    "gzip by its old name": (says(packed=gzip.compress, encoding="X-GZip"), b"HTTP/1.1 200 OK"),
}


@pytest.mark.parametrize(("behave", "first"), BEARABLE.values(), ids=BEARABLE)
async def test_what_is_only_unusual_is_read(calls, behave, first):
    behave(calls.partner)
    written = calls.partner.written
    calls.partner.written = lambda heard: written(heard).replace(b"HTTP/1.1 200 So", first, 1)

    assert (await calls.client().echo(KEY, HEI, ["a"])).echoes == ("a",)


async def test_an_answer_to_an_earlier_request_is_not_taken_again(calls):
    client = calls.client()
    await client.echo(KEY, HEI, ["a"])
    calls.partner.raw = calls.partner.written(calls.partner.heard[0])

    with pytest.raises(ReplyNotTrusted) as failed:
        await client.echo(KEY, HEI, ["a"])

    assert "x-request-id is not that of the request" in str(failed.value)


async def test_cookies_are_neither_kept_nor_sent(calls):
    calls.partner.headers = lambda request, body: (
        PARTNER.answer(request, body) | {"set-cookie": "a=b; Max-Age=99999; Path=/"}
    )
    client = calls.client()

    for _ in range(2):
        await client.echo(KEY, HEI, ["a"])

    assert not any("cookie" in heard.headers for heard in calls.partner.heard)
    assert list(calls.http.cookies) == []


async def test_a_handshake_that_never_ends_is_given_up(calls):
    calls.partner.origin = calls.partner.origin.replace("http://", "https://")
    calls.know()  # there is nobody at that port who speaks TLS, or says so

    async with asyncio.timeout(20):
        with pytest.raises(PartnerUnreachable):
            await calls.client(silent_seconds=0.2).echo(KEY, HEI, ["a"])

    assert calls.partner.heard == []


async def test_whatever_one_partner_does_another_one_is_answered(calls):
    drips(CHUNKED, b"1\r\na\r\n")(calls.partner)
    client = calls.client(silent_seconds=5, total_seconds=5)

    async with calling() as other, asyncio.TaskGroup() as group:
        hostile = [
            group.create_task(_code_of(client.echo(KEY, HEI, [str(number)]))) for number in range(3)
        ]
        calls.catalogue, known = other.catalogue, calls.catalogue
        assert (await client.echo(KEY, HEI, ["a"])).echoes == ("a",)
        assert not any(each.done() for each in hostile)
        calls.catalogue = known
        for each in hostile:
            each.cancel()


async def _code_of(call):
    try:
        await call
    except PartnerError as error:
        return error.code


@pytest.mark.parametrize("wrong", ["b", "d"])
async def test_garbage_for_one_part_of_a_question_fails_the_question_and_names_the_partner(
    calls, wrong
):
    entry = calls.know(calls.partner.entry("imobilities", "2.0.0", urls=["get-url"]))
    calls.partner.status = 200
    garbage = {"signature": "garbage"}

    def headers(request, body):
        asked = calls.partner.heard[-1].parameters
        after = garbage if ("omobility_id", wrong) in asked else {}
        return PARTNER.answer(request, body, after=after)

    calls.partner.headers, calls.partner.body = headers, an_echo

    with pytest.raises(ReplyNotTrusted):
        await calls.client().get_objects(KEY, HEI, entry, ["a", "b", "c", "d"])

"""What comes back and may not be used: each failure is an error of its own kind (guide §2.4)."""

import asyncio
import gzip
from datetime import timedelta

import pytest
from unit.ewp.catalogues import SPECS, a_host
from unit.ewp.client.partner import HEI, KEY, OTHER, PARTNER, THIRD, an_echo
from unit.ewp.stranger import NOW, date_of, digest_of

from ewp import client as ewp_client
from ewp.errors import PartnerRefused, PartnerUnreachable, ReplyInvalid, ReplyNotTrusted

COMMON = f"{SPECS}architecture/blob/stable-v1/common-types.xsd"
ERROR = (
    f'<error-response xmlns="{COMMON}"><developer-message>no żółć</developer-message>'
    '<user-message xml:lang="en">No</user-message></error-response>'
).encode()


async def failure(calls, kind):
    with pytest.raises(kind) as failed:
        await calls.client().echo(KEY, HEI, ["a"])
    assert type(failed.value) is kind
    assert failed.value.hei_id == HEI
    return failed.value.status, str(failed.value)


def unsigned(request, body):
    return {"content-type": "text/xml"}


# -- Signatures --


def answering(signs=PARTNER, **changes):
    return lambda request, body: PARTNER.answer(request, body, signs=signs, **changes)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (unsigned, "no header Signature"),
        (answering(THIRD), "not among the server keys"),
        (answering(after={"signature": 'keyId="x"'}), "cannot be read"),
        (answering(before={"digest": digest_of(b"?")}), "SHA-256 in Digest is not"),
        (answering(before={"digest": None}), "not signed, but has to be: digest"),
        (answering(names=("original-date", "digest")), "has to be: x-request-id"),
        (
            answering(names=("original-date", "digest", "x-request-id")),
            "has to be: x-request-signature",
        ),
        (answering(names=("digest", "x-request-id", "x-request-signature")), "original-date"),
        (
            answering(before={"x-request-id": "dc05b425-4e86-4106-8dde-1257fccf53e5"}),
            "x-request-id is not that of the request",
        ),
        (
            answering(before={"x-request-signature": "c2lnbmVk"}),
            "x-request-signature is not that of the request",
        ),
        (
            answering(before={"original-date": date_of(NOW - timedelta(minutes=6))}),
            "original-date is -360 s away",
        ),
        (answering(after={"original-date": date_of(NOW + timedelta(seconds=1))}), "signature"),
    ],
)
async def test_an_answer_that_is_not_proved_is_not_trusted(calls, headers, words):
    calls.partner.headers = headers

    status, message = await failure(calls, ReplyNotTrusted)

    assert status is None
    assert words in message


@pytest.mark.parametrize(
    "headers",
    [
        answering(),
        answering(
            before={"date": date_of(NOW)},
            names=("date", "digest", "x-request-id", "x-request-signature"),
        ),
        answering(before={"digest": "MD5=x,sha-256=" + "{}"}),
        answering(before={"x-more": "\u00c3\u00bc", "server": "SIS"}),
        answering(after={"date": "whenever the proxy says"}),
    ],
    ids=["original-date", "date", "digests", "latin-1", "proxy"],
)
async def test_an_answer_that_is_proved_is(calls, headers):
    def filled(request, body):
        made = headers(request, body)
        if "{}" not in made["digest"]:
            return made
        digest = made["digest"].replace("{}", digest_of(body).partition("=")[2])
        return PARTNER.answer(request, body, before={"digest": digest})

    calls.partner.headers = filled

    assert (await calls.client().echo(KEY, HEI, ["a"])).echoes == ("a",)


async def test_a_body_changed_on_the_way_is_not_trusted(calls):
    calls.partner.headers = lambda request, body: PARTNER.answer(request, body + b" ")

    assert "SHA-256 in Digest is not" in (await failure(calls, ReplyNotTrusted))[1]


async def test_who_promises_no_signature_is_known_by_its_certificate(calls):
    entry = calls.know(calls.partner.entry("echo", "2.0.1", signs=False))
    calls.partner.headers = unsigned

    assert (await calls.client().call(KEY, HEI, entry)).signed_by is None


async def test_keys_are_those_of_the_host_that_is_called_and_of_no_other(calls):
    elsewhere = a_host(calls.partner.entry("factsheet", "1.2.0"), [HEI], server_keys=[THIRD.key_id])
    calls.know(before=[elsewhere])
    calls.partner.headers = answering(THIRD)

    await failure(calls, ReplyNotTrusted)
    calls.partner.headers = answering()
    assert (await calls.client().echo(KEY, HEI, ["a"])).echoes == ("a",)


async def test_a_catalogue_that_is_renewed_meanwhile_moves_no_keys(calls):
    """Hosts are told apart by their place, which is another one in another catalogue."""
    client, entry = calls.client(), calls.know()
    calls.know(before=[a_host("", [OTHER], server_keys=[THIRD.key_id])])

    assert (await client.call(KEY, HEI, entry)).signed_by == PARTNER.key_id
    calls.partner.headers = answering(THIRD)
    with pytest.raises(ReplyNotTrusted):
        await client.call(KEY, HEI, entry)


async def test_a_key_is_gone_when_the_catalogue_says_so(calls):
    client, entry = calls.client(), calls.know()
    calls.know(server_keys=[])

    with pytest.raises(ReplyNotTrusted):
        await client.call(KEY, HEI, entry)


# -- Statuses --


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PartnerRefused),
        (401, PartnerRefused),
        (403, PartnerRefused),
        (404, PartnerRefused),
        (405, PartnerRefused),
        (409, PartnerRefused),
        (500, PartnerUnreachable),
        (503, PartnerUnreachable),
    ],
)
async def test_an_error_says_what_it_is_in_the_partners_words(calls, status, kind, signed):
    calls.partner.status, calls.partner.body = status, ERROR
    calls.partner.headers = answering() if signed else unsigned

    assert await failure(calls, kind) == (status, f"{HEI}: status {status}: no żółć")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"<html>Bad Gateway for joerdis@lindental.example", "identity"),
        (b"", "identity"),
        (b"", "gzip"),
        (b"no gzip", "gzip"),
        (b"\x8b", "br"),
        (gzip.compress(b"0" * 30_000_000), "gzip"),
    ],
    ids=["html", "empty", "empty gzip", "no gzip", "br", "bomb"],
)
async def test_whatever_a_proxy_answers_the_status_counts(calls, body, encoding):
    calls.partner.body, calls.partner.status = body, 404
    calls.partner.headers = lambda *_: {"content-encoding": encoding}

    assert await failure(calls, PartnerRefused) == (
        404,
        f"{HEI}: status 404: (no error-response)",
    )


async def test_an_error_in_gzip_is_read_too(calls):
    calls.partner.body, calls.partner.status = gzip.compress(ERROR), 400
    calls.partner.headers = lambda *_: {"content-encoding": "gzip"}

    assert (await failure(calls, PartnerRefused))[1].endswith("no żółć")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(calls, status):
    calls.partner.status = status
    calls.partner.headers = lambda *_: {"location": f"{calls.partner.origin}/elsewhere"}

    assert (await failure(calls, PartnerUnreachable))[0] == status
    assert len(calls.partner.heard) == 1


@pytest.mark.parametrize("status", [201, 202, 204, 206])
async def test_another_success_than_200_is_none(calls, status):
    calls.partner.status = status
    calls.partner.body = b"" if status == 204 else an_echo

    assert (await failure(calls, ReplyInvalid))[0] == status


# -- Bodies --


async def test_gzip_is_read_and_its_digest_is_of_what_came(calls):
    calls.partner.body = lambda heard: gzip.compress(an_echo(heard))
    calls.partner.headers = lambda request, body: (
        PARTNER.answer(request, body) | {"content-encoding": "GZip"}
    )

    assert (await calls.client().echo(KEY, HEI, ["a"])).echoes == ("a",)


@pytest.mark.parametrize(
    ("body", "encoding", "kind"),
    [
        (b"no gzip", "gzip", PartnerUnreachable),
        (gzip.compress(b"<a>" * 1000)[:-20], "gzip", PartnerUnreachable),
        (b"<a/>", "br", PartnerUnreachable),
        (gzip.compress(b"0" * 10_000_001), "gzip", ReplyInvalid),
        (b"0" * 10_000_001, "identity", ReplyInvalid),
        (b"not XML", "identity", ReplyInvalid),
        (b"<a/>", "identity", ReplyInvalid),
        (b"<!DOCTYPE a><a/>", "identity", ReplyInvalid),
        (b"", "identity", ReplyInvalid),
    ],
    ids=["no gzip", "cut", "br", "bomb", "huge", "text", "another root", "doctype", "empty"],
)
async def test_a_body_that_cannot_be_used_is_refused_however_well_signed(
    calls, body, encoding, kind
):
    calls.partner.body = body
    calls.partner.headers = lambda request, body: (
        PARTNER.answer(request, body) | {"content-encoding": encoding}
    )

    await failure(calls, kind)


@pytest.mark.parametrize(("encoding", "sent"), [("identity", bytes), ("gzip", gzip.compress)])
async def test_ten_megabytes_are_an_answer_and_one_byte_more_is_none(calls, encoding, sent):
    assert ewp_client.LARGEST_ANSWER == 10_000_000
    entry = calls.know()
    calls.partner.headers = lambda request, body: (
        PARTNER.answer(request, body) | {"content-encoding": encoding}
    )

    calls.partner.body = sent(b"0" * 10_000_000)
    assert len((await calls.client().call(KEY, HEI, entry)).body) == 10_000_000
    calls.partner.body = sent(b"0" * 10_000_001)
    with pytest.raises(ReplyInvalid, match="over 10000000 bytes"):
        await calls.client().call(KEY, HEI, entry)


# -- Silence --


async def test_who_does_not_answer_in_time_is_unreachable(calls):
    calls.partner.silent = asyncio.Event()

    with pytest.raises(PartnerUnreachable):
        await calls.client(total_seconds=0.1).echo(KEY, HEI, [])


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 200 So\r\ncontent-length: 9\r\n\r\n<a/>", b"220 smtp.example ESMTP\r\n"],
    ids=["nothing", "half", "another protocol"],
)
async def test_who_hangs_up_or_talks_gibberish_is_unreachable(calls, raw):
    calls.partner.raw = raw

    assert (await failure(calls, PartnerUnreachable))[0] is None


async def test_who_is_not_there_is_unreachable(calls):
    calls.partner.origin = "http://127.0.0.1:1"
    calls.know()

    await failure(calls, PartnerUnreachable)


async def test_what_there_was_in_place_of_an_answer_is_said_without_the_partners_words(calls):
    async def how(**given):
        with pytest.raises(PartnerUnreachable) as failed:
            await calls.client(**given).echo(KEY, HEI, ["a"])
        return failed.value.how

    calls.partner.status, calls.partner.body = 503, ERROR
    said = [await how()]
    calls.partner.raw = b""
    said.append(await how())
    calls.partner.raw, calls.partner.silent = None, asyncio.Event()
    said += [await how(silent_seconds=0.05), await how(total_seconds=0.05)]
    calls.partner.origin = "http://127.0.0.1:1"
    calls.know()
    said.append(await how())

    assert said == [
        "status 503",
        "RemoteProtocolError",
        "ReadTimeout",
        "no answer in 0 s",
        "ConnectError",
    ]


async def test_a_call_that_is_given_up_leaves_room_for_the_next(calls):
    calls.partner.silent = asyncio.Event()
    client = calls.client(total_seconds=0.1)
    for _ in range(ewp_client.AT_ONCE + 1):
        with pytest.raises(PartnerUnreachable):
            await client.echo(KEY, HEI, [])

    calls.partner.silent.set()
    assert (await calls.client().echo(KEY, HEI, ["a"])).echoes == ("a",)

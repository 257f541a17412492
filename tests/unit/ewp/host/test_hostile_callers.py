"""The list of hostile callers: what one sends, byte by byte, and the error that it gets.

Wrong signatures are in `test_authentication.py`, wrong parameters in `test_requests.py`.
"""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from unit.ewp.host.world import KNOWN, NAME, PARTNER, Kept, hosted, refusal
from unit.ewp.stranger import NOW

from ewp.host import EwpHost
from ewp.host_calls import MOST_PARAMETERS
from sandbox.serving import serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = "/ewp/lindental.example"
ECHO, CNR = f"{HEI}/echo", f"{HEI}/omobility-cnr/2"
BODY = b"echo=a"


async def told(origin, *pieces, ends=False):
    """Send these bytes, and return the status and what was said for developers."""
    parts = urlsplit(origin)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if ends:
            writer.write_eof()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: ([0-9]+)", answer)
        said = await reader.readexactly(int(length[1])) if length else b""
    except asyncio.IncompleteReadError:
        return None, None
    finally:
        writer.close()
    words = re.search(rb"<developer-message>([^<]*)<", said)
    return int(answer.split(b" ")[1]), words[1].decode() if words else None


def head(method="POST", target=ECHO, body=BODY, *, lines=(), without=(), headers=None):
    """A request's head, signed by a partner; `lines` are added behind the signed ones."""
    signed = headers or PARTNER.request(method, target, host=NAME, body=body)
    sent = [f"{name}: {value}" for name, value in signed.items() if name not in without]
    length = [] if "content-length" in without else [f"content-length: {len(body)}"]
    first = f"{method} {target} HTTP/1.1"
    return "\r\n".join([first, *sent, *length, *lines, "", ""]).encode("latin-1")


FINE = (200, None)
NOT_HTTP = (400, None)  # the server's own answer: what it is was never known

CASES = {
    "nothing wrong": ([head(), BODY], FINE),
    # -- Smuggling --
    "a length and chunks": (
        [head(lines=["transfer-encoding: chunked"]), b"6\r\necho=a\r\n0\r\n\r\n"],
        NOT_HTTP,
    ),
    "two lengths": ([head(lines=["content-length: 0"]), BODY], NOT_HTTP),
    "a length in words": (
        [head(without=["content-length"], lines=["content-length: six"]), BODY],
        NOT_HTTP,
    ),
    "a negative length": (
        [head(without=["content-length"], lines=["content-length: -6"]), BODY],
        NOT_HTTP,
    ),
    "another encoding of the transfer": (
        [head(without=["content-length"], lines=["transfer-encoding: xchunked"]), BODY],
        NOT_HTTP,
    ),
    "a blank before the colon": ([head(lines=["x-a : b"]), BODY], NOT_HTTP),
    "a line that goes on in the next": ([head(lines=["x-a: b", " c"]), BODY], NOT_HTTP),
    "a bare line feed": ([head().replace(b"\r\nhost", b"\nx: y\r\nhost", 1), BODY], NOT_HTTP),
    "NUL in a header": ([head(lines=["x-a: b\0c"]), BODY], NOT_HTTP),
    "a second Host": (
        [head(lines=[f"host: {NAME}"]), BODY],
        (400, "Host is not a name of this server"),
    ),
    "a Host of somebody else behind ours": (
        [head(lines=["host: evil.example"]), BODY],
        (400, "Host is not a name of this server"),
    ),
    "a second Authorization": (
        [head(lines=['authorization: Signature keyId="a"']), BODY],
        (400, "Authorization cannot be read"),
    ),
    "a second Digest": (
        [head(lines=["digest: SHA-256=AAAA"]), BODY],
        (400, "the signature is not this key's over"),
    ),
    "a second request id": (
        [head(lines=["x-request-id: dc05b425-4e86-4106-8dde-1257fccf53e5"]), BODY],
        (400, "X-Request-Id is not a UUID"),
    ),
    "an underscore for a dash": (
        [head(without=["x-request-id"], lines=["x_request_id: a"]), BODY],
        (400, "said to be signed, but absent: x-request-id"),
    ),
    "another address in a header": (
        [head(lines=["x-original-url: /admin", "x-http-method-override: PUT"]), BODY],
        FINE,
    ),
    "an absolute address": (
        [head().replace(b"POST /", b"POST http://evil.example/", 1), BODY],
        FINE,  # the server takes the path; what counts as the host is the signed `Host`
    ),
    "a path with dots": (
        [head().replace(b"/echo", b"/echo/../echo", 1), BODY],
        (404, "no such endpoint here"),
    ),
    "a path in another writing": (
        [head().replace(b"/echo", b"/%65cho", 1), BODY],
        (400, "the signature is not this key's over"),
    ),
    "two slashes": ([head().replace(b"/ewp/", b"//ewp//", 1), BODY], (404, "no such HEI here")),
    "an HEI of odd letters": (
        [head(target="/ewp/%00%2e%2e%2f/echo"), BODY],
        (404, "no such HEI here"),
    ),
    "a fragment": ([head().replace(b"/echo ", b"/echo#a ", 1), BODY], FINE),  # nobody hears it
    # -- Bodies --
    "a body that is not sent": (
        [head()],
        (None, None),  # nobody is there any more to be answered
    ),
    "one byte more than the digest is of": (
        [
            head(body=BODY + b"b", headers=PARTNER.request("POST", ECHO, host=NAME, body=BODY)),
            BODY + b"b",
        ],
        (400, "the SHA-256 in Digest is not that of the body received"),
    ),
    "a gigabyte": (
        [
            head(without=["content-length"], lines=["content-length: 1000000000"]),
            *[b"a" * 1_000_000] * 3,
        ],
        (413, "a body has at most 2000000 bytes"),
    ),
    "chunks without end": (
        [
            head(without=["content-length"], lines=["transfer-encoding: chunked"]),
            *[b"f4240\r\n" + b"a" * 1_000_000 + b"\r\n"] * 3,
        ],
        (413, "a body has at most 2000000 bytes"),
    ),
    "a body in gzip": (
        [head(lines=["content-encoding: gzip"]), BODY],
        FINE,  # what is not signed is not heard: the body is taken as it is
    ),
    # -- Forms --
    "10,001 parameters": (
        [head(body=b"&".join([b"echo"] * 10_001)), b"&".join([b"echo"] * 10_001)],
        (400, f"parameters: more than {MOST_PARAMETERS}"),
    ),
    "a million ampersands": (
        [head(body=b"&" * 1_000_000), b"&" * 1_000_000],
        (400, f"parameters: more than {MOST_PARAMETERS}"),
    ),
    "10,000 ids": (
        [
            head(target=CNR, body=b"&".join([b"omobility_id=a"] * 10_000)),
            b"&".join([b"omobility_id=a"] * 10_000),
        ],
        (400, "omobility_id: 10000 values, limit is 3"),
    ),
    "bytes that are no text": (
        [head(body=b"echo=\xff"), b"echo=\xff"],
        (400, "parameters: not a form in UTF-8"),
    ),
    "two types": (
        [head(lines=["content-type: text/xml"]), BODY],
        (415, "Content-Type"),
    ),
    "a type of parts": (
        [
            head(
                headers=PARTNER.request("POST", ECHO, host=NAME, body=BODY)
                | {"content-type": "multipart/form-data; boundary=a"}
            ),
            BODY,
        ],
        (415, "Content-Type"),
    ),
}


@pytest.mark.parametrize(("pieces", "expected"), CASES.values(), ids=CASES)
async def test_what_a_hostile_caller_sends_ends_in_an_answer_that_says_why(world, pieces, expected):
    ends = len(pieces) == 1
    status, words = await told(world.origin, *pieces, ends=ends)

    assert status == expected[0]
    assert (words or "").startswith(expected[1] or "")
    assert world.kept.heard == []


@pytest.mark.parametrize("target", [ECHO, CNR])
async def test_a_request_that_was_recorded_is_not_taken_again(world, target):
    form = b"echo=a&omobility_id=om-1"
    headers = PARTNER.request("POST", target, host=NAME, body=form)

    first, again = [await world.send("POST", target, headers, form) for _ in range(2)]

    assert first.status_code == 200
    assert refusal(again) == (400, "a request of this X-Request-Id came already")
    assert len(world.kept.heard) == (1 if target == CNR else 0)


async def test_a_body_that_comes_byte_by_byte_is_given_up():
    app = EwpHost(
        hosted(Kept()).get, lambda: KNOWN, hosts=[NAME], now=lambda: NOW, body_seconds=0.2
    )
    async with serving(app) as origin:
        status, words = await told(origin, head(), BODY[:1])

    assert (status, words) == (408, "a body has 0 seconds to arrive")


async def test_a_caller_who_hangs_up_leaves_nothing_behind(world):
    await told(world.origin, head(target=CNR, body=b"omobility_id=om-1"), b"omob", ends=True)

    assert (await world.post(CNR, "omobility_id=om-2")).status_code == 200
    assert [each[-1] for each in world.kept.heard] == [["om-2"]]

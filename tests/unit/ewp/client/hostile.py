"""What a hostile partner does on its socket, piece by piece: each makes a `Partner` behave so."""

import asyncio
import gzip
import zlib
from itertools import repeat

from unit.ewp.client.partner import PARTNER, an_echo

PAUSE = 0.02  # seconds between the pieces of a partner that drips
HTML = b"<html><body>Welcome, please log in</body></html>"
BOMB = gzip.compress(b"<a>" * 20_000_000)  # 60 MB in 60 kB
NOTHING = gzip.compress(b"")


def says(status=200, body=an_echo, *, packed=None, encoding=None, after=None, **changes):
    """An answer that is signed by the book, but for the changes."""

    def headers(request, sent):
        made = PARTNER.answer(request, sent, **changes)
        more = {"content-encoding": encoding} if encoding else {}
        return made | more | (after or {})

    def packing(heard):
        made = body(heard) if callable(body) else body
        return packed(made) if packed else made

    def behave(partner):
        partner.status, partner.body, partner.headers = status, packing, headers

    return behave


def unsigned(status=200, body=HTML, **headers):
    """An answer as servers give it that know nothing of EWP."""

    def behave(partner):
        partner.status, partner.body = status, body
        partner.headers = lambda *_: {name.replace("_", "-"): v for name, v in headers.items()}

    return behave


def sends(raw, *, resets=False):
    """Exactly these bytes, then an end of the connection."""

    def behave(partner):
        partner.raw, partner.resets = raw, resets

    return behave


def goes_on(head, pieces):
    """Bytes as long as anybody takes them; `pieces` is iterable."""

    def behave(partner):
        async def told(_):
            yield head
            for piece in pieces:
                yield piece

        partner.pieces = told

    return behave


def drips(head, piece):
    """Something again and again, so that nobody can call it silent."""

    def behave(partner):
        async def told(_):
            yield head
            while True:
                yield piece
                await asyncio.sleep(PAUSE)

        partner.pieces = told

    return behave


def falls_silent(head=b""):
    """Takes the request, begins perhaps, and is never heard of again."""

    def behave(partner):
        partner.silent = asyncio.Event() if not head else None

        async def told(_):
            yield head
            await asyncio.Event().wait()

        partner.pieces = told if head else None

    return behave


def an_answer(*lines, body=b""):
    """The bytes of an answer, its lines as they are."""
    return b"\r\n".join([b"HTTP/1.1 200 So", *lines, b"", b""]) + body


def chunks(piece):
    """The same chunk for ever."""
    return repeat(b"%x\r\n%b\r\n" % (len(piece), piece))


def raw_deflate(body):
    return zlib.compress(body)[2:-4]

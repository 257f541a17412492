"""Bodies of answers within a limit, under gzip or plain: the only encodings that are asked for.

A partner's body is foreign until it is read: it may be endless, and a small one may grow without
bound when it is unpacked. So nothing here is unpacked beyond the limit, and encodings are not
applied on top of each other, as HTTP would let a partner do.
"""

import zlib
from http.cookiejar import CookieJar
from typing import Any

import httpx

ENCODING = "gzip"  # what to send as `Accept-Encoding`


class BodyUnreadable(httpx.HTTPError):
    """A body that is not gzip as it says, ends early or goes on behind its end."""


class BodyOverlong(httpx.HTTPError):
    """A body that is longer than its reader takes, as it comes or unpacked."""


class NoCookies(CookieJar):
    """Keeps nothing that a partner wants us to keep, and sends nothing but what was signed."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Leave them where they are."""


class Unpacked:
    """A body that is unpacked piece by piece, as far as `largest` bytes."""

    def __init__(self, encoding: str, largest: int) -> None:
        """Take a `Content-Encoding` as it was sent. Raises BodyUnreadable for an unknown one."""
        name = encoding.strip().lower()
        if name not in {"", "identity", "gzip", "x-gzip"}:
            raise BodyUnreadable("a content encoding that was not asked for")
        self._packed = None if name in {"", "identity"} else zlib.decompressobj(wbits=31)
        self._left = largest
        self._largest = largest
        self._begun = False

    def feed(self, piece: bytes) -> bytes:
        """Return what the next piece holds. Raises BodyUnreadable or BodyOverlong."""
        data = piece
        if self._packed is not None and piece:
            self._begun = True
            data = self._unpack(self._packed, piece)
        self._left -= len(data)
        if self._left < 0:
            raise BodyOverlong(f"over {self._largest} bytes")
        return data

    def end(self) -> None:
        """Say that there is no more. Raises BodyUnreadable where something is missing."""
        if self._packed is not None and self._begun and not self._packed.eof:
            raise BodyUnreadable("a gzip body without its end")

    def _unpack(self, packed: "zlib._Decompress", piece: bytes) -> bytes:
        if packed.eof:
            raise BodyUnreadable("a gzip body with more behind its end")
        try:
            data = packed.decompress(piece, self._left + 1)  # one more shows that it is too long
        except zlib.error:
            raise BodyUnreadable("a gzip body that cannot be read") from None
        if packed.unused_data:
            raise BodyUnreadable("a gzip body with more behind its end")
        return data


def unpacked(body: bytes, encoding: str, largest: int) -> bytes:
    """Return a whole body as it was packed. Raises BodyUnreadable or BodyOverlong."""
    reading = Unpacked(encoding, largest)
    data = reading.feed(body)
    reading.end()
    return data


async def read(answer: httpx.Response, largest: int) -> list[bytes]:
    """Read an answer's body, unpacked, in the pieces that it came in.

    Raises:
        BodyUnreadable: gzip that is none, or another encoding.
        BodyOverlong: more than `largest` bytes, as they came or unpacked.
        httpx.HTTPError: the connection.
    """
    reading = Unpacked(answer.headers.get("content-encoding", ""), largest)
    pieces, length = [], 0
    async for piece in answer.aiter_raw():
        length += len(piece)
        if length > largest:
            raise BodyOverlong(f"over {largest} bytes")
        pieces.append(reading.feed(piece))
    reading.end()
    return pieces

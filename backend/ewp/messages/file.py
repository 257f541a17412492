"""File 1: a file whose id another API has told, such as the form for a requirement (guide §4.10).

A file never changes, new content gets a new id; so it may be kept for ever. The answer is the file
itself and no XML: GET, `parameters(file_id)`.
"""

import re

import msgspec

from ewp.errors import MessageInvalid

UNKNOWN = "application/octet-stream"
_BEGINNINGS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
_media_type = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
).fullmatch


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's file.

    `media_type` is what the bytes themselves begin like, as a partner's word is not enough to show
    something to a student; where they tell nothing, it is one that browsers only save.
    """

    content: bytes
    media_type: str
    sent_as: str | None = None  # what the partner calls it, in lower case without parameters


def is_media_type(text: str) -> bool:
    """Whether it is a media type as a header may carry it: lower case, without parameters."""
    return _media_type(text) is not None


def parameters(file_id: str) -> tuple[tuple[str, str], ...]:
    """Return what to ask with. Raises MessageInvalid."""
    if not file_id:
        raise MessageInvalid("file_id: is missing")
    return (("file_id", file_id),)


def read_response(content: bytes, content_type: str | None = None) -> File:
    """Read an answer, with its `Content-Type` where there is one. Raises MessageInvalid."""
    if not content:
        raise MessageInvalid("file: is empty")
    known = (kind for start, kind in _BEGINNINGS.items() if content.startswith(start))
    sent_as = (content_type or "").partition(";")[0].strip().lower()
    return File(
        content=content,
        media_type=next(known, UNKNOWN),
        sent_as=sent_as if is_media_type(sent_as) else None,
    )

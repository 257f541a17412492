"""Files of partners: what they are is told by their bytes and not by the partner."""

import pytest

from ewp.errors import MessageInvalid
from ewp.messages import file

PDF = b"%PDF-1.7\nof no use"


@pytest.mark.parametrize(
    ("content", "content_type", "media_type", "sent_as"),
    [
        (PDF, "application/pdf", "application/pdf", "application/pdf"),
        (PDF, 'Application/PDF; name="a.pdf"', "application/pdf", "application/pdf"),
        (PDF, "text/html; charset=utf-8", "application/pdf", "text/html"),
        (PDF, None, "application/pdf", None),
        (PDF, "a document, I believe", "application/pdf", None),
        (b"\x89PNG\r\n\x1a\n...", "image/png", "image/png", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpg", "image/jpeg", "image/jpg"),
        (b"<script>alert(1)</script>", "application/pdf", file.UNKNOWN, "application/pdf"),
        (b"<html>", "text/html", file.UNKNOWN, "text/html"),
        (b"PK\x03\x04", "", file.UNKNOWN, None),
        (b"PK\x03\x04", "a/b\r\nSet-Cookie: x", file.UNKNOWN, None),
    ],
)
def test_a_file_is_what_it_begins_like(content, content_type, media_type, sent_as):
    assert file.read_response(content, content_type) == file.File(
        content=content, media_type=media_type, sent_as=sent_as
    )


def test_a_file_is_asked_for_by_its_id():
    assert file.parameters("f-1/ä") == (("file_id", "f-1/ä"),)


def test_no_file_and_no_id_are_refused():
    with pytest.raises(MessageInvalid, match="file: is empty"):
        file.read_response(b"", "application/pdf")
    with pytest.raises(MessageInvalid, match="file_id: is missing"):
        file.parameters("")

"""Institutions of version 1: those of version 2, but for their course catalogues."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from ewp.errors import MessageInvalid
from ewp.messages import institutions

SAMPLE = (Path(__file__).parents[3] / "samples/ewp/institutions-2-response.xml").read_bytes()


def test_an_institution_of_version_1_is_read_like_one_of_version_2():
    newer = institutions.read_response(SAMPLE)

    assert institutions.read_response(SAMPLE.replace(b"s/tree/stable-v2", b"s/tree/stable-v1")) == (
        newer
    )


def test_what_version_1_cannot_say_is_not_written_in_it():
    [hei] = institutions.read_response(SAMPLE)
    older = replace(hei, course_catalogue_urls=())

    with pytest.raises(MessageInvalid, match="hei: version 1 knows no course catalogue"):
        institutions.write_response([hei], major=1)
    assert institutions.read_response(institutions.write_response([older], major=1)) == (older,)

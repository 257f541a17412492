"""RFC 8291's own example, byte for byte, and that only the receiver reads a message."""

import base64
import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from erasmus_app.push.encryption import (
    BLOCK,
    LARGEST,
    OVERHEAD,
    RECORD,
    encrypted,
    public_point,
    receiver_key,
)
from sandbox.web_push import opened


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private(scalar: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b64(scalar), "big"), ec.SECP256R1())


# RFC 8291, section 5 and appendix A.
MESSAGE = b"When I grow up, I want to be a watermelon"
RECEIVER = private("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
SENDER = private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
POINT = b64(
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AUTH = b64("BTBZMqHH6r4Tts7J_aSIgg")
SALT = b64("DGv6ra1nlYgDCS1FRnbzlw")
RESULT = b64(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC"
    "8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_rfc_comes_out_byte_for_byte():
    assert public_point(RECEIVER.public_key()) == POINT
    found = encrypted(MESSAGE, POINT, AUTH, sender=SENDER, salt=SALT, block=1)

    assert found == RESULT
    assert opened(RESULT, RECEIVER, AUTH) == MESSAGE


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=LARGEST))
def test_whatever_is_written_is_what_is_read(message: bytes):
    found = encrypted(message, POINT, AUTH)

    assert opened(found, RECEIVER, AUTH) == message
    assert len(found) <= RECORD


def test_messages_of_like_size_look_alike():
    sizes = {len(encrypted(b"x" * length, POINT, AUTH)) for length in range(BLOCK)}

    assert sizes == {BLOCK + OVERHEAD - 1}
    assert len(encrypted(b"x" * LARGEST, POINT, AUTH)) == RECORD


def test_two_of_the_same_have_nothing_in_common():
    one, two = encrypted(MESSAGE, POINT, AUTH), encrypted(MESSAGE, POINT, AUTH)

    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]
    assert one[86:] != two[86:]


def test_nobody_else_reads_it_and_no_changed_one_is_read():
    found = encrypted(MESSAGE, POINT, AUTH)
    stranger = ec.generate_private_key(ec.SECP256R1())
    changed = found[:-1] + bytes([found[-1] ^ 1])
    for body, key, auth in (
        (found, stranger, AUTH),
        (found, RECEIVER, os.urandom(16)),
        (changed, RECEIVER, AUTH),
    ):
        with pytest.raises(InvalidTag):
            opened(body, key, auth)


def test_what_is_too_large_or_for_no_point_of_the_curve_is_not_written():
    with pytest.raises(ValueError, match="too large"):
        encrypted(b"x" * (LARGEST + 1), POINT, AUTH)
    off_the_curve = POINT[:-1] + bytes([POINT[-1] ^ 1])
    compressed = b"\x02" + POINT[1:33]
    for wrong in (b"", b"\x04" * 65, off_the_curve, compressed, b"\x00" * 65, POINT + b"\x00"):
        with pytest.raises(ValueError, match=r".+"):
            receiver_key(wrong)

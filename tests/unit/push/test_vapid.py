"""What proves to a push service who sends: the claims, for how long, for whom, with which key."""

import base64
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from erasmus_app.errors import SettingsInvalid
from erasmus_app.push.vapid import KEPT, LIFETIME, MOST_KEPT, Vapid, vapid_key

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORIGIN = "https://push.example"
KEY = ECKey.generate_key("P-256", private=True)


def parts(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    return dict(each.strip().partition("=")[::2] for each in rest.split(","))


def test_a_proof_names_the_origin_its_end_and_whom_to_write_to():
    vapid = Vapid(KEY, "mailto:erasmus@uni.example")
    given = parts(vapid.header(ORIGIN, NOW))
    token = jwt.decode(given["t"], KEY, algorithms=["ES256"])

    assert token.header == {"alg": "ES256", "typ": "JWT"}
    assert token.claims == {
        "aud": ORIGIN,
        "exp": int((NOW + LIFETIME).timestamp()),
        "sub": "mailto:erasmus@uni.example",
    }
    assert timedelta(hours=12) < LIFETIME < timedelta(hours=24)
    assert given["k"] == vapid.public_key


def test_the_public_key_is_the_uncompressed_point_that_browsers_take():
    for _ in range(200):  # some have coordinates that begin with zeros
        key = ECKey.generate_key("P-256", private=True)
        text = Vapid(key, "").public_key
        point = base64.urlsafe_b64decode(text + "=")
        numbers = key.raw_value.public_key().public_numbers()  # type: ignore[union-attr]
        assert point == b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        assert len(text) == 87


def test_a_proof_is_used_for_twelve_hours_and_for_its_own_origin_alone():
    vapid = Vapid(KEY, "mailto:erasmus@uni.example")
    first = vapid.header(ORIGIN, NOW)

    assert vapid.header(ORIGIN, NOW + KEPT - timedelta(seconds=1)) == first
    assert vapid.header("https://other.example", NOW) != first
    later = vapid.header(ORIGIN, NOW + KEPT)
    assert later != first
    assert vapid.header(ORIGIN, NOW + KEPT + timedelta(hours=1)) == later


def test_proofs_for_very_many_origins_are_not_all_kept():
    vapid = Vapid(KEY, "mailto:erasmus@uni.example")
    for number in range(MOST_KEPT + 5):
        vapid.header(f"https://{number}.example", NOW)

    assert len(vapid._kept) == MOST_KEPT


def test_a_key_of_ones_own_is_made_once_and_for_the_owner_alone(tmp_path: Path):
    folder = tmp_path / "not yet"
    first, again = vapid_key(None, folder), vapid_key(None, folder)

    assert first.as_dict(private=True) == again.as_dict(private=True)
    assert stat.S_IMODE((folder / "vapid-key.pem").stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == ["vapid-key.pem"]


def test_a_file_without_a_private_p256_key_stops_the_start(tmp_path: Path):
    path = tmp_path / "key.pem"
    good = ECKey.generate_key("P-256", private=True)
    for content in (
        b"",
        b"no key",
        good.as_pem(private=False),
        good.as_pem(private=True, password="secret"),
        ECKey.generate_key("P-384", private=True).as_pem(private=True),
        RSAKey.generate_key(2048, private=True).as_pem(private=True),
        OKPKey.generate_key("Ed25519", private=True).as_pem(private=True),
    ):
        path.write_bytes(content)
        with pytest.raises(SettingsInvalid, match="ERASMUS_APP_VAPID_KEY"):
            vapid_key(path, tmp_path)
    with pytest.raises(SettingsInvalid, match="ERASMUS_APP_VAPID_KEY"):
        vapid_key(tmp_path / "none.pem", tmp_path)

"""Our own access tokens, and the key that signs them."""

import asyncio
import base64
import hmac
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.models import ACCESS_LIFETIME, Session
from erasmus_app.ids import AccountId
from erasmus_app.oidc import tokens as tokens_module
from erasmus_app.oidc.tokens import SignedTokens, session_keys

BACKEND = Path(__file__).parents[3] / "backend"
HERE = "https://app.example"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACCOUNT, SESSION = AccountId(UUID(int=1)), UUID(int=2)
OPEN = Session(account_id=ACCOUNT, session_id=SESSION, expires_at=NOW + timedelta(days=180))
KEY = ECKey.generate_key("P-256", private=True)
TOKENS = SignedTokens([KEY], HERE)


def signed(key: ECKey = KEY, typ: str = "at+jwt", **changed: object) -> str:
    claims = {
        "iss": HERE,
        "aud": HERE,
        "sub": str(ACCOUNT),
        "sid": str(SESSION),
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
    } | changed
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256", "typ": typ}, kept, key)


def test_a_token_tells_who_asks_for_ten_minutes():
    token = TOKENS.issue(OPEN, NOW)
    session = Session(account_id=ACCOUNT, session_id=SESSION, expires_at=NOW + ACCESS_LIFETIME)
    another_process = SignedTokens([KEY], HERE)

    assert timedelta(minutes=10) == ACCESS_LIFETIME
    for reader in (TOKENS, TOKENS, another_process):  # the second time from memory
        assert reader.read(token, NOW) == session
        assert reader.read(token, NOW + ACCESS_LIFETIME) is None


def test_a_token_says_when_somebody_logged_in():
    since = NOW - timedelta(minutes=4)
    session = msgspec.structs.replace(
        OPEN, authenticated_at=since, expires_at=NOW + ACCESS_LIFETIME
    )

    assert TOKENS.read(TOKENS.issue(session, NOW), NOW) == session


def test_a_token_is_over_with_its_session():
    until = NOW + timedelta(minutes=3)
    token = TOKENS.issue(msgspec.structs.replace(OPEN, expires_at=until), NOW)

    assert TOKENS.read(token, NOW) == msgspec.structs.replace(OPEN, expires_at=until)
    assert TOKENS.read(token, until) is None


def test_what_follows_a_refresh_token_is_the_same_each_time_and_only_here():
    other = SignedTokens([ECKey.generate_key("P-256", private=True)], HERE)
    found = TOKENS.successor("a")

    assert SignedTokens([KEY], HERE).successor("a") == found
    assert (
        len({"a", found, TOKENS.successor("b"), TOKENS.successor(found), other.successor("a")}) == 5
    )
    assert len(found) == 43  # 256 bits


def test_two_tokens_of_one_moment_are_not_the_same():
    assert TOKENS.issue(OPEN, NOW) != TOKENS.issue(OPEN, NOW)


def test_a_token_made_by_hand_as_ours_are_is_read():
    assert TOKENS.read(signed(), NOW) is not None  # what the next test spoils


@pytest.mark.parametrize(
    "token",
    [
        signed(ECKey.generate_key("P-256", private=True)),
        signed(aud="https://other.example"),
        signed(aud=[HERE]),
        signed(aud=None),
        signed(iss="https://other.example"),
        signed(exp=int(NOW.timestamp())),
        signed(exp=None),
        signed(exp="soon"),
        signed(exp=10**30),
        signed(sub="somebody"),
        signed(sub=5),
        signed(sid=None),
        signed(auth_time="noon"),
        signed(typ="JWT"),  # an ID token, say
        signed()[:-4] + "AAAA",
        signed().replace(".", ".e", 1),
        "",
        "a.b.c",
        "ä.ö.ü",
        signed() + "\n",
        "\ud800",
        jwt.encode({"alg": "RS256", "typ": "at+jwt"}, {}, RSAKey.generate_key(2048)),
    ],
)
def test_whatever_is_wrong_with_a_token_proves_nothing(token: str):
    assert TOKENS.read(token, NOW) is None


def test_a_token_without_a_signature_proves_nothing():
    header, claims, _ = signed().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")

    assert TOKENS.read(f"{none}.{claims}.", NOW) is None
    assert TOKENS.read(f"{header}.{claims}.", NOW) is None


OTHER = ECKey.generate_key("P-256", private=True)
POINTERS: dict[str, object] = {
    "jwk": OTHER.as_dict(private=False),
    "jku": "https://attacker.example/keys.json",
    "x5u": "https://attacker.example/cert.pem",
    "x5c": ["MIIB"],
    "kid": "../../../../dev/null",
    "crit": ["exp"],
}


@pytest.mark.parametrize("name", POINTERS)
def test_a_token_that_brings_or_names_a_key_of_its_own_proves_nothing(name: str):
    _, body, _ = signed().split(".")
    head = {"alg": "ES256", "typ": "at+jwt", name: POINTERS[name]}
    encoded = base64.urlsafe_b64encode(msgspec.json.encode(head)).decode().rstrip("=")
    private = OTHER.private_key
    assert private is not None
    r, s = decode_dss_signature(private.sign(f"{encoded}.{body}".encode(), ec.ECDSA(SHA256())))
    raw = base64.urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).decode().rstrip("=")

    assert TOKENS.read(f"{encoded}.{body}.{raw}", NOW) is None


@pytest.mark.parametrize("encoding", ["PEM", "DER", "raw"])
def test_our_public_key_is_no_secret_to_sign_with(encoding: str):
    public = KEY.public_key
    secret = {
        "PEM": public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "DER": public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "raw": public.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        ),
    }[encoding]
    _, body, _ = signed().split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"at+jwt"}').decode().rstrip("=")
    mac = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    proof = base64.urlsafe_b64encode(mac).decode().rstrip("=")

    assert TOKENS.read(f"{head}.{body}.{proof}", NOW) is None


def test_only_so_many_verified_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens_module, "MOST_CACHED", 3)
    reader = SignedTokens([KEY], HERE)
    tokens = [
        reader.issue(msgspec.structs.replace(OPEN, session_id=uuid4()), NOW) for _ in range(5)
    ]
    read = [reader.read(each, NOW) for each in (*tokens, *tokens)]

    assert None not in read
    assert len(reader._seen) == 3


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path):
    data_dir = tmp_path / "new" / "data"
    first, second = session_keys(None, data_dir)[0], session_keys(None, data_dir)[0]

    assert first.thumbprint() == second.thumbprint()
    [file] = data_dir.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("session-key.pem", 0o600)


MAKES_A_KEY = """
import sys
from pathlib import Path
from erasmus_app.oidc.tokens import session_keys
print("ready", flush=True)
sys.stdin.readline()
print(session_keys(None, Path(sys.argv[1]))[0].thumbprint(), flush=True)
"""


async def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path):
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MAKES_A_KEY, str(tmp_path / "data")),
            env=os.environ | {"PYTHONPATH": str(BACKEND)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for each in processes:
        assert await asyncio.wait_for(each.stdout.readline(), 60) == b"ready\n"
    answers = await asyncio.gather(*(each.communicate(b"\n") for each in processes))

    assert len({told for told, _ in answers}) == 1
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["session-key.pem"]


def test_the_key_of_whoever_was_quicker_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = ECKey.generate_key

    def meanwhile(*how: str, **more: bool) -> ECKey:
        (tmp_path / "session-key.pem").write_bytes(pem(SMALL))
        return made(*how, **more)

    monkeypatch.setattr(ECKey, "generate_key", meanwhile)

    assert session_keys(None, tmp_path)[0].thumbprint() == ECKey.import_key(pem(SMALL)).thumbprint()
    assert [each.name for each in tmp_path.iterdir()] == ["session-key.pem"]


def pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        how or serialization.NoEncryption(),
    )


SMALL = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        pem(SMALL, b"a password"),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP256K1())),
        RSAKey.generate_key(2048, private=True).as_pem(private=True),
        KEY.as_pem(private=False),
        None,
    ],
    ids=["empty", "bytes", "cut", "encrypted", "P-384", "K-256", "RSA", "public", "absent"],
)
def test_a_file_that_holds_no_private_p_256_key_stops_the_start(
    tmp_path: Path, content: bytes | None
):
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as refused:
        session_keys(path, tmp_path)

    assert str(refused.value).startswith(f"ERASMUS_APP_SESSION_KEY: {path}: ")
    assert "\n" not in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)


def test_a_key_that_is_named_is_used(tmp_path: Path):
    path = tmp_path / "key.pem"
    path.write_bytes(pem(SMALL))

    assert session_keys(path, tmp_path)[0].thumbprint() == ECKey.import_key(pem(SMALL)).thumbprint()
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


def test_the_last_key_of_a_folder_signs_and_the_others_prove_what_they_signed(tmp_path: Path):
    old, new = tmp_path / "2026-05.pem", tmp_path / "2026-11.pem"
    old.write_bytes(pem(SMALL))
    (tmp_path / "notes.txt").write_text("when to change them")
    before = SignedTokens(session_keys(tmp_path, tmp_path), HERE)
    new.write_bytes(KEY.as_pem(private=True))
    both = SignedTokens(session_keys(tmp_path, tmp_path), HERE)
    old.unlink()
    after = SignedTokens(session_keys(tmp_path, tmp_path), HERE)
    older, newer = before.issue(OPEN, NOW), both.issue(OPEN, NOW)

    assert [both.read(each, NOW) is not None for each in (older, newer)] == [True, True]
    assert [after.read(each, NOW) is not None for each in (older, newer)] == [False, True]


def test_a_folder_without_a_key_stops_the_start(tmp_path: Path):
    with pytest.raises(SettingsInvalid) as refused:
        session_keys(tmp_path, tmp_path)

    assert str(refused.value) == f"ERASMUS_APP_SESSION_KEY: {tmp_path}: there is no key, no *.pem"

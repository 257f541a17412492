"""`erasmus-app config check` says all that is wrong before a start, and asks nobody unless told."""

import stat
from asyncio import to_thread
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from erasmus_app.bootstrap import running
from erasmus_app.cli.config import check
from erasmus_app.cli.healthy import ask
from erasmus_app.errors import SettingsInvalid
from erasmus_app.settings import Settings
from ewp.keys import PrivateKey
from sandbox.serving import serving
from sandbox.world import world


@pytest.fixture(scope="module")
def rsa() -> bytes:
    return PrivateKey.generate().to_pem()


def p256() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def file(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def hei(name: str, **more: str) -> str:
    lines = {"client_key": "rsa.pem", **more}
    return (
        f'[[hei]]\nid = "{name}"\nname = {{ en = "A" }}\nadmin_emails = ["a@{name}"]\n'
        + "".join(f'{key} = "{value}"\n' for key, value in lines.items())
    )


async def said(
    capsys, environment: dict[str, str], *, connect: bool = False
) -> tuple[int, list[str]]:
    named = {f"ERASMUS_APP_{name}": value for name, value in environment.items()}
    status = await check(named, connect=connect)
    return status, capsys.readouterr().out.splitlines()


async def test_nothing_is_wrong_with_the_defaults_and_nothing_is_made(capsys, tmp_path: Path):
    data = tmp_path / "data"

    assert await said(capsys, {"DATA_DIR": str(data)}) == (0, ["nothing is wrong"])
    assert not data.exists()


async def test_every_file_that_a_setting_names_is_read(capsys, tmp_path: Path, rsa: bytes):
    file(tmp_path / "rsa.pem", rsa)
    file(tmp_path / "empty.pem", "")
    heis = hei("a.example") + hei("B") + hei("c.example", client_key="empty.pem")
    names = {
        "TLS_CA_FILE": file(tmp_path / "ca.pem", "no certificate"),
        "DATA_DIR": file(tmp_path / "data", "no folder"),
        "DATA_KEYS": file(tmp_path / "keys", "data: pssst"),
        "SESSION_KEY": file(tmp_path / "session.pem", rsa),
        "VAPID_KEY": file(tmp_path / "vapid.pem", p256()),
        "OIDC_PROVIDERS": file(tmp_path / "providers.toml", "[[provider]]\n"),
        "OAUTH_CLIENTS": file(tmp_path / "clients.toml", "[[klient]]\n"),
        "TRUSTED_DOCUMENTS": file(tmp_path / "documents.json", "[]"),
        "FCM_CREDENTIALS": file(tmp_path / "fcm.json", "{}"),
        "TELEGRAM_TOKEN": file(tmp_path / "telegram", "short"),
        "TELEGRAM_SECRET": file(tmp_path / "secret", "s" * 20),
        "EWP_HEIS": file(tmp_path / "heis.toml", heis),
    }

    status, lines = await said(capsys, {name: str(path) for name, path in names.items()})

    def begin(name: str) -> str:
        return f"wrong: ERASMUS_APP_{name}: {names[name]}: "

    assert status == 1
    for line, beginning in zip(
        lines,
        [
            *map(begin, ("TLS_CA_FILE", "DATA_DIR", "DATA_KEYS", "SESSION_KEY")),
            *map(begin, ("OIDC_PROVIDERS", "OAUTH_CLIENTS")),
            f"wrong: trusted_documents: {names['TRUSTED_DOCUMENTS']}: ",
            begin("FCM_CREDENTIALS"),
            f"{begin('EWP_HEIS')}'B' is not a lower-case domain",
            f"wrong: ERASMUS_APP_EWP_HEIS: c.example: {tmp_path}/empty.pem: ",
            f"{begin('TELEGRAM_TOKEN')}wants one line of at least 16 characters",
            "wrong: 11",
        ],
        strict=True,
    ):
        assert line.startswith(beginning)
    assert not any("pssst" in line for line in lines)


async def test_a_key_that_everybody_may_read_is_noted_and_no_fault(capsys, tmp_path: Path):
    key = file(tmp_path / "session.pem", p256(), mode=0o644)
    exposed = f"everybody on this machine may read {key}; chmod 600 it"
    environment = {"SESSION_KEY": str(key), "DATA_DIR": str(tmp_path / "data")}

    assert await said(capsys, environment) == (
        0,
        [
            f"note: ERASMUS_APP_SESSION_KEY: {exposed}",
            "nothing is wrong",
        ],
    )
    assert stat.S_IMODE(key.stat().st_mode) == 0o644


async def test_all_that_is_named_is_reached_when_asked_for(
    capsys, dsn: str, valkey: str, tmp_path: Path
):
    async with world(tmp_path / "sandbox", ("127.0.0.1", 9)) as around:
        environment = {
            name.removeprefix("ERASMUS_APP_"): value for name, value in around.environment.items()
        } | {"DATABASE_URL": dsn, "REDIS_URL": valkey, "DATA_DIR": str(tmp_path / "data")}
        status, lines = await said(capsys, environment, connect=True)
        issuer = environment["OIDC_ISSUER"]

    assert (status, [line for line in lines if not line.startswith("note: ")]) == (
        0,
        [
            "ok: PostgreSQL (DATABASE_URL): reached, and its tables are this program's",
            "ok: Valkey (REDIS_URL): reached",
            "ok: EWP registry: reachable; it lists 4 HEIs",
            "ok: FCM's token service: gives tokens for the project erasmus-play",
            "ok: mail server: takes mails of ours",
            f"ok: login provider {issuer}: describes itself",
            "nothing is wrong",
        ],
    )

    away = {
        "DATABASE_URL": "postgresql://me:pssst@127.0.0.1:9/x",
        "REDIS_URL": "redis://127.0.0.1:9",
    }
    status, lines = await said(capsys, environment | away, connect=True)

    assert status == 1
    assert [line.partition(": ")[0] for line in lines if "note" not in line] == ["wrong"] * 7
    assert not any("pssst" in line for line in lines)


async def test_a_folder_that_cannot_be_written_ends_the_start_with_one_line(tmp_path: Path):
    folder = file(tmp_path / "data", "no folder")
    engines = {"database_url": "postgresql:///x", "redis_url": "redis://127.0.0.1:9"}

    with pytest.raises(SettingsInvalid) as refused:
        async with running(Settings(data_dir=folder, **engines)):
            pytest.fail("it has started")

    assert str(refused.value) == f"ERASMUS_APP_DATA_DIR: {folder}: File exists"


async def test_health_is_asked_for_without_another_tool(capsys):
    async def well(scope, receive, send):
        status = 200 if scope["path"] == "/livez" else 503
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with serving(well) as address:
        asked = [await to_thread(ask, f"{address}{path}") for path in ("/livez", "/readyz")]

    assert asked == [0, 1]
    assert [ask(address), ask("http://[::1"), ask("nonsense")] == [1, 1, 1]
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [f"{address}/livez: 200", f"{address}/readyz: 503"]
    assert said[2] == f"{address}: [Errno 111] Connection refused"

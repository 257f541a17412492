"""Secrets: from files of their own, and never in what is shown."""

from pathlib import Path

import msgspec
import pytest
from rich.pretty import pretty_repr

from erasmus_app.errors import SettingsInvalid
from erasmus_app.settings import Settings, load_settings
from erasmus_app.settings.model import SECRETS
from erasmus_app.settings.reading import exposed, read_settings

ADDRESSES = {
    "database_url": "postgresql://erasmus:pssst@db.example/erasmus",
    "database_direct_url": "postgresql://erasmus:pssst@direct.example/erasmus",
    "redis_url": "rediss://:pssst@valkey.example:6379/0",
    "oidc_client_secret": "pssst",
    "smtp_url": "smtps://user:pssst@mail.example",
}


def file(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_bytes(text.encode())
    path.chmod(mode)
    return str(path)


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(environment)
    assert "\n" not in str(refused.value)
    assert "pssst" not in str(refused.value)
    return str(refused.value)


def test_every_setting_that_holds_a_secret_is_known_as_one():
    telling = ("secret", "password", "token", "smtp", "database", "redis", "headers", "dsn")
    texts = {
        each.name
        for each in msgspec.structs.fields(Settings)
        if each.type in (str, str | None) and any(word in each.name for word in telling)
    }

    assert texts == SECRETS == ADDRESSES.keys()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path, name: str, end: str):
    path = file(tmp_path / name, ADDRESSES[name] + end)

    around = {} if name != "database_direct_url" else {"database_url": ADDRESSES["database_url"]}
    beside = {f"ERASMUS_APP_{each.upper()}": value for each, value in around.items()}
    settings = load_settings(beside | {f"ERASMUS_APP_{name.upper()}_FILE": path})

    assert settings == msgspec.structs.replace(Settings(), **around, **{name: ADDRESSES[name]})


def test_a_file_of_settings_names_files_of_secrets_too_and_the_environment_wins(tmp_path: Path):
    one = file(tmp_path / "one", "smtp://one.example")
    two = file(tmp_path / "two", "smtp://two.example")
    config = file(tmp_path / "app.toml", f'smtp_url_file = "{one}"\n')
    there = {"ERASMUS_APP_CONFIG": config}

    assert load_settings(there).smtp_url == "smtp://one.example"
    assert load_settings(there | {"ERASMUS_APP_SMTP_URL_FILE": two}).smtp_url == (
        "smtp://two.example"
    )
    assert load_settings(there | {"ERASMUS_APP_SMTP_URL": "smtp://three.example"}).smtp_url == (
        "smtp://three.example"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty; a secret that did not come stops the start"),
        ("\n", "is empty; a secret that did not come stops the start"),
        ("  \n", "is empty; a secret that did not come stops the start"),
        ("pssst\npssst\n", "wants one line, without control characters"),
        ("pssst\x00", "wants one line, without control characters"),
        ("pssst" * 20_000, "wants one line, without control characters"),
    ],
)
def test_a_file_that_is_no_secret_stops_the_start(tmp_path: Path, content: str, reason: str):
    path = file(tmp_path / "secret", content)

    assert refusal({"ERASMUS_APP_OIDC_CLIENT_SECRET_FILE": path}) == (
        f"ERASMUS_APP_OIDC_CLIENT_SECRET_FILE: {path}: {reason}"
    )


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path):
    latin = tmp_path / "latin"
    latin.write_bytes(b"pssst\xe9")

    for path, reason in (
        (tmp_path / "nowhere", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (latin, "is not a text in UTF-8"),
    ):
        assert refusal({"ERASMUS_APP_DATABASE_URL_FILE": str(path)}) == (
            f"ERASMUS_APP_DATABASE_URL_FILE: {path}: {reason}"
        )
    assert refusal({"ERASMUS_APP_DATABASE_URL_FILE": ""}) == (
        "ERASMUS_APP_DATABASE_URL_FILE: wants the path of a file"
    )


def test_a_secret_by_both_ways_stops_the_start(tmp_path: Path):
    path = file(tmp_path / "secret", ADDRESSES["redis_url"])
    name = "ERASMUS_APP_REDIS_URL"

    assert refusal({name: ADDRESSES["redis_url"], f"{name}_FILE": path}) == (
        f"{name} and {name}_FILE: give one of the two"
    )


@pytest.mark.parametrize("name", ["database_url", "redis_url", "smtp_url"])
@pytest.mark.parametrize("wrong", ["pssst", "http://pssst@x.example", "//:pssst", "{}://x:pssst"])
def test_a_secret_that_cannot_be_right_is_refused_by_its_length(
    tmp_path: Path, name: str, wrong: str
):
    value = wrong.format(ADDRESSES[name].partition(":")[0])
    variable = f"ERASMUS_APP_{name.upper()}"

    expected = f"{variable}: {len(value)} characters that are not an address as "
    assert refusal({variable: value}).startswith(expected)
    by_file = {f"{variable}_FILE": file(tmp_path / "secret", value)}
    assert refusal(by_file).startswith(expected)


def test_what_is_shown_of_settings_has_no_secret():
    given = {f"ERASMUS_APP_{name.upper()}": value for name, value in ADDRESSES.items()}
    settings = load_settings(given)

    for shown in (repr(settings), str(settings), f"{settings}", pretty_repr(settings)):
        assert "pssst" not in shown
        assert shown.count("(secret)") == len(SECRETS)
        assert "127.0.0.1:8000" in shown
    assert "smtp_url=None" in repr(Settings())


def test_a_secret_under_another_name_is_not_repeated_either():
    database = ADDRESSES["database_url"]
    for name in (
        "PUBLIC_URL",
        "OIDC_ISSUER",
        "POLL_SECONDS",
        "EXPLORER",
        "FCM_TRANSPORT",
        "LISTEN",
    ):
        assert refusal({f"ERASMUS_APP_{name}": database}).startswith(f"ERASMUS_APP_{name}: ")


def test_files_that_everybody_may_read_are_named_and_others_are_not(tmp_path: Path):
    shut = file(tmp_path / "shut", ADDRESSES["smtp_url"], 0o640)
    read = file(tmp_path / "read", ADDRESSES["redis_url"], 0o644)
    key = file(tmp_path / "session.pem", "a key", 0o666)
    ca = file(tmp_path / "ca.pem", "no secret", 0o644)
    config = file(tmp_path / "app.toml", 'oidc_client_secret = "pssst"', 0o604)
    reading = read_settings(
        {
            "ERASMUS_APP_SMTP_URL_FILE": shut,
            "ERASMUS_APP_REDIS_URL_FILE": read,
            "ERASMUS_APP_SESSION_KEY": key,
            "ERASMUS_APP_TLS_CA_FILE": ca,
            "ERASMUS_APP_CONFIG": config,
        }
    )

    assert reading.faults == ()
    assert list(exposed(reading, config)) == [
        f"ERASMUS_APP_REDIS_URL_FILE: everybody on this machine may read {read}; chmod 600 it",
        f"ERASMUS_APP_SESSION_KEY: everybody on this machine may write {key}; chmod 600 it",
        f"ERASMUS_APP_CONFIG: everybody on this machine may read {config}; chmod 600 it",
    ]

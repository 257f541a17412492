"""An operator's typo in any setting is one line that names the setting and what was expected."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.settings import FcmTransport, Settings, load_settings
from erasmus_app.settings.reading import NAMES, read_settings

FIELDS = {each.name: each for each in msgspec.structs.fields(Settings)}

# By a setting's type, what nobody can have meant, and a part of what is said of it.
BY_TYPE: dict[Any, dict[str, str]] = {
    bool: {"yes please": "wants true or false, not a text of 10 characters"},
    int: {
        "many": "wants a whole number, not a text of 4 characters",
        "1.5": "wants a whole number, not a text of 3 characters",
        "-1": "must be a number",
        "9" * 30: "must be at most ",
    },
    float: {
        "10s": "wants a number, not a text of 3 characters",
        "-1": "must be a number",
        "nan": "must be a number",
        "1e99": "must be at most ",
    },
    str: {"a\nb": ""},
    Path: {
        "/nowhere/at/all": "there is no file",
        "a\nb": "control characters",
        "~no-one/x": "home",
    },
    tuple[str, ...]: {"a\x07b": ""},
    FcmTransport: {"http3": "wants one of http2, firebase-admin, not a text of 5 characters"},
}
# What is wrong with one setting alone.
BY_NAME = {
    "listen": {"8000": "'8000' is not host:port"},
    "worker_listen": {"8001": "'8001' is not host:port"},
    "app_origins": {"https://App.uni.example/": "is no origin as browsers write it: https://host"},
    "ewp_networks": {"inside": "'inside' does not appear to be an IPv4 or IPv6 network"},
    "otlp_url": {"collector:4318": "'collector:4318' is not an address of http or https"},
    "app_links": {"app.uni.example": "'app.uni.example' is not an address, as https://"},
    "administrators": {"login.example subject": "is neither a subject nor an issuer and one"},
    "mail_from": {"erasmus": "'erasmus' is not an e-mail address"},
    "matrix_user": {"bot": "'bot' is not a whole id, as @bot:uni.example"},
    "whatsapp_phone_id": {"+49 30": "'+49 30' is not an id, which has digits only"},
    "messenger_page_id": {"uni": "'uni' is not an id, which has digits only"},
    "trusted_proxies": {"10.0.0.1/8": "10.0.0.1/8 has host bits set"},
    "web_push_networks": {"ntfy": "'ntfy' does not appear to be an IPv4 or IPv6 network"},
    "redis_url": {"localhost:6379": "14 characters that are not an address as redis://"},
    "database_url": {
        "erasmus": "7 characters that are not an address as postgresql://",
        "postgresql://one.example,two.example:port/erasmus": "characters that are not an address",
    },
    "database_direct_url": {"erasmus": "7 characters that are not an address as postgresql://"},
    "smtp_url": {"mail.example": "12 characters that are not an address as smtps://"},
}
ANY = {  # nothing can be wrong with these but that there is no text
    *("oidc_client_id", "oidc_client_secret", "privacy_notice_version"),
    "limits",  # which its own reader looks at, see unit/limits
}


def kind_of(name: str) -> Any:
    """A setting's type, without None."""
    kind = FIELDS[name].type
    if type(None) not in get_args(kind):
        return kind
    return next(each for each in get_args(kind) if each is not type(None))


def wrong() -> Iterator[tuple[str, str, str]]:
    for name in FIELDS:
        kind = kind_of(name)
        for value, reason in (BY_TYPE[kind] | BY_NAME.get(name, {})).items():
            if name == "data_dir" and "nowhere" in value:
                continue  # is made
            yield name, value, reason
        if kind is str and name.endswith(("_url", "_address", "_issuer")) and name not in BY_NAME:
            yield name, "uni.example", "'uni.example' is not an https address"
        if kind != tuple[str, ...]:
            yield name, " ", "is empty; leave it out for the default"


def said_of(variable: str, value: str) -> str:
    """The one line that a start ends with; empty where it does not end."""
    try:
        load_settings({variable: value})
    except SettingsInvalid as refused:
        return str(refused)
    return ""


def test_a_wrong_value_is_one_line_that_names_the_setting():
    found = {
        (name, value): said_of(f"ERASMUS_APP_{name.upper()}", value) for name, value, _ in wrong()
    }

    assert [
        (name, value, found[name, value])
        for name, value, reason in wrong()
        if not found[name, value].startswith(f"ERASMUS_APP_{name.upper()}: ")
        or reason not in found[name, value]
        or not found[name, value].isprintable()
    ] == []


def test_every_setting_has_a_value_that_cannot_be_right():
    """Of its own, by its type or as an address; what is new comes into one of the tables."""
    of_its_own = {
        name
        for name, _, _ in wrong()
        if kind_of(name) not in (str, tuple[str, ...]) or name in BY_NAME or name.endswith("url")
    }
    addresses = {name for name, _, reason in wrong() if "https address" in reason}

    assert FIELDS.keys() - of_its_own - addresses == ANY


def test_a_letter_too_few_proposes_the_right_name():
    """Or one that is as near, where two differ in a letter or two."""
    found = {}
    for name in FIELDS:
        missed = (name[: len(name) // 2] + name[len(name) // 2 + 1 :]).upper()
        before, _, proposed = said_of(f"ERASMUS_APP_{missed}", "x").rpartition(" ERASMUS_APP_")
        assert before == f"ERASMUS_APP_{missed}: there is no such setting; did you mean"
        found[name] = proposed.removesuffix("?").lower()

    assert set(found.values()) <= set(NAMES)
    assert [(name, near) for name, near in found.items() if len(set(near) ^ set(name)) > 4] == []


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        (
            "ERASMUS_APP_DATABSE_URL",
            "there is no such setting; did you mean ERASMUS_APP_DATABASE_URL?",
        ),
        (
            "ERASMUS_APP_DATABSE_URL_FILE",
            "there is no such setting; did you mean ERASMUS_APP_DATABASE_URL_FILE?",
        ),
        (
            "ERASMUS_APP_TELEGRAM_TOKEN_FILE",  # which is a file already
            "there is no such setting; did you mean ERASMUS_APP_TELEGRAM_TOKEN?",
        ),
        ("ERASMUS_DATABASE_URL", "is not read; did you mean ERASMUS_APP_DATABASE_URL?"),
        ("ERASMUSAPP_REDIS_URL", "is not read; did you mean ERASMUS_APP_REDIS_URL?"),
        ("erasmus_app_listen", "is not read; did you mean ERASMUS_APP_LISTEN?"),
        ("ERASMUS_APP_LISTEN\n", "there is no such setting; did you mean ERASMUS_APP_LISTEN?"),
    ],
)
def test_a_name_that_is_nearly_right_proposes_the_right_one(variable: str, says: str):
    with pytest.raises(SettingsInvalid) as refused:
        load_settings({variable: "x"})

    shown = variable.replace("\n", "\\n")
    assert str(refused.value) == f"{shown}: {says}"


def test_what_others_call_erasmus_is_left_alone():
    others = {"ERASMUS": "x", "ERASMUS_HOME": "x", "ERASMUS_MC": "x", "MY_ERASMUS_APP_LISTEN": "x"}

    assert load_settings(others) == Settings()


def test_all_that_is_wrong_is_said_at_once_and_the_rest_is_read(tmp_path: Path):
    config = tmp_path / "app.toml"
    config.write_text('lisen = "x"\nfcm_burst = "much"\nsweep_seconds = 7\n')

    reading = read_settings(
        {
            "ERASMUS_APP_CONFIG": str(config),
            "ERASMUS_APP_EXPLORER": "perhaps",
            "ERASMUS_APP_PUBLIC_URL": "uni.example",
            "ERASMUS_APP_POLL_SECONDS": "60",
        }
    )

    assert reading.faults == (
        f"ERASMUS_APP_CONFIG: {config}: lisen: there is no such setting; did you mean listen?",
        "ERASMUS_APP_FCM_BURST: wants a number, not a text of 4 characters",
        "ERASMUS_APP_EXPLORER: wants true or false, not a text of 7 characters",
        "ERASMUS_APP_PUBLIC_URL: 'uni.example' is not an https address",
    )
    assert (reading.settings.sweep_seconds, reading.settings.poll_seconds) == (7, 60)

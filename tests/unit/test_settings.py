import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.institutions.models import ApiMode, CoveredHei, WebhookEndpoint
from erasmus_app.settings import Settings, load_heis, load_settings


def refusal(**environment: str) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings({f"ERASMUS_APP_{name}": value for name, value in environment.items()})
    assert "\n" not in str(refused.value)
    return str(refused.value)


def file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_there_is_a_default_for_everything():
    assert load_settings({}) == load_settings({"PATH": "/bin", "ERASMUS": "x"}) == Settings()


def test_the_environment_is_read_and_wins_over_the_file(tmp_path: Path):
    config = file(
        tmp_path / "app.toml",
        'listen = "127.0.0.1:1"\npoll_seconds = 60\nexplorer = true\n'
        'app_links = ["app:/a"]\ndata_dir = "/srv/data"\n',
    )

    assert load_settings(
        {
            "ERASMUS_APP_CONFIG": str(config),
            "ERASMUS_APP_LISTEN": "[::1]:8010",
            "ERASMUS_APP_WORKER_CONCURRENCY": "4",
            "ERASMUS_APP_TRUSTED_PROXIES": "10.0.0.0/8, ::1,",
        }
    ) == Settings(
        listen="[::1]:8010",
        poll_seconds=60,
        explorer=True,
        app_links=("app:/a",),
        data_dir=Path("/srv/data"),
        worker_concurrency=4,
        trusted_proxies=("10.0.0.0/8", "::1"),
    )


def test_what_follows_from_settings():
    settings = load_settings(
        {
            "ERASMUS_APP_LISTEN": "[::1]:8010",
            "ERASMUS_APP_PUBLIC_URL": "https://App.example:8443",
            "ERASMUS_APP_LOGIN_URL": "http://localhost:9/",
            "ERASMUS_APP_TRUSTED_PROXIES": "10.0.0.0/8",
            "ERASMUS_APP_AGREEMENT_ABSENCE_SECONDS": "60",
        }
    )

    assert settings.listen_address == ("::1", 8010)
    assert settings.public_hosts == {"app.example", "app.example:8443"}
    assert settings.browser_url == "http://localhost:9"
    assert settings.proxy_networks == (ip_network("10.0.0.0/8"),)
    assert settings.absences == (timedelta(minutes=1), timedelta(hours=4))


@pytest.mark.parametrize("seconds", [0, 90])
def test_pushes_wait_for_others_as_long_as_is_set_or_not_at_all(seconds: int):
    settings = load_settings({"ERASMUS_APP_MERGE_SECONDS": str(seconds)})

    assert settings.merge_for == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DATABSE_URL", "; did you mean ERASMUS_APP_DATABASE_URL?"),
        ("POLL_SECOND", "; did you mean ERASMUS_APP_POLL_SECONDS?"),
        ("FROBNICATE", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_stops_the_start_and_names_the_nearest_right_one(name: str, hint: str):
    assert refusal(**{name: "1"}) == f"ERASMUS_APP_{name}: there is no such setting{hint}"


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("databse_url = 'x'", "databse_url: there is no such setting; did you mean database_url?"),
        ("config = 'x'", "config: there is no such setting"),
        ("[frobnicate]\nx = 1", "frobnicate: there is no such setting"),
    ],
)
def test_an_unknown_name_in_the_file_is_named_as_the_file_has_it(tmp_path, line: str, end: str):
    config = file(tmp_path / "app.toml", line)

    assert refusal(CONFIG=str(config)) == f"ERASMUS_APP_CONFIG: {config}: {end}"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("POLL_SECONDS", "often", "wants a number, not a text of 5 characters"),
        ("POLL_SECONDS", "0", "must be a number above 0"),
        ("POLL_SECONDS", "-1", "must be a number above 0"),
        ("MAIL_URGENT_AFTER_SECONDS", "90000", "must be at most MAIL_AFTER_SECONDS"),
        ("MERGE_SECONDS", "-1", "must be a number of 0 or more, not -1.0"),
        ("MERGE_SECONDS", "nan", "must be a number of 0 or more, not nan"),
        ("MERGE_SECONDS", "3601", "must be at most 3600"),
        ("DATABASE_CONNECTIONS", "4", "must be at least 5"),
        ("DEVICE_GONE_DAYS", "59", "must be at least DEVICE_QUIET_DAYS"),
        ("SWEEP_SECONDS", "nan", "must be a number above 0"),
        ("SWEEP_SECONDS", "inf", "must be a number above 0"),
        ("WORKER_CONCURRENCY", "9" * 400, "must be at most 1000000000"),
        ("WORKER_LEAST_SHARE", "1.1", "must be at most 1"),
        ("WORKER_LEAST_SHARE", "0", "must be a number above 0"),
        ("WORKER_CONCURRENCY", "1.5", "wants a whole number, not a text of 3 characters"),
        ("EXPLORER", "perhaps", "wants true or false, not a text of 7 characters"),
        ("LISTEN", "8000", "'8000' is not host:port"),
        ("LISTEN", ":8000", "':8000' is not host:port"),
        ("LISTEN", "127.0.0.1", "'127.0.0.1' is not host:port"),
        ("LISTEN", "127.0.0.1:http", "'127.0.0.1:http' is not host:port"),
        ("LISTEN", "127.0.0.1:65536", "'127.0.0.1:65536' is not host:port"),
        ("WORKER_LISTEN", "8001", "'8001' is not host:port"),
        ("PUBLIC_URL", "http://localhost", "'http://localhost' is not an https address"),
        ("PUBLIC_URL", "app.example", "'app.example' is not an https address"),
        ("PUBLIC_URL", "https://[::1", "'https://[::1' is not an https address"),
        ("PUBLIC_URL", "https://a.example:http", "is not an https address"),
        ("OIDC_ISSUER", "http://login.example", "is not an https address (http only on loopback)"),
        ("LOGIN_URL", "ftp://localhost", "is not an https address"),
        ("EWP_REGISTRY_URL", "https://", "is not an https address"),
        ("FCM_URL", "http://127.0.0.1.evil.example", "is not an https address"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("TRUSTED_PROXIES", "proxy.example", "does not appear to be an IPv4 or IPv6 network"),
        ("EWP_HEIS", "/nowhere/heis.toml", "there is no file /nowhere/heis.toml"),
        ("TLS_CA_FILE", "/nowhere", "there is no file /nowhere"),
        ("SESSION_KEY", f"/{'9' * 400}", "no file or folder /999"),  # too long to look up
        ("KEEP_MOBILITY_MONTHS", "0", "must be a number above 0"),
        ("KEEP_MOBILITY_MONTHS", "601", "must be at most 600 months"),
        ("PRIVACY_NOTICE_URL", "http://uni.example/privacy", "is not an https address"),
        ("DATABASE_URL", "", "is empty; leave it out for the default"),
        ("OIDC_CLIENT_SECRET", "  ", "is empty; leave it out for the default"),
        ("DATA_DIR", "~nobody-0", "~nobody-0: there is no such home directory"),
        ("DATA_DIR", "", "is empty; leave it out for the default"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(name: str, value: str, reason: str):
    message = refusal(**{name: value})

    assert message.startswith(f"ERASMUS_APP_{name}: ")
    assert reason in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("listen = ", "Invalid value"),
        ("listen = 8000", "ERASMUS_APP_LISTEN: wants a text, not a number"),
        ("app_links = 'app:/a'", "ERASMUS_APP_APP_LINKS: wants a list of texts, not a text of 6"),
        ("poll_seconds = {}", "ERASMUS_APP_POLL_SECONDS: wants a number, not a table"),
        ("data_dir = 7", "ERASMUS_APP_DATA_DIR"),
    ],
)
def test_a_wrong_file_stops_the_start(tmp_path: Path, content: str, reason: str):
    assert reason in refusal(CONFIG=str(file(tmp_path / "app.toml", content)))


def test_a_file_that_is_not_there_or_not_utf_8_stops_the_start(tmp_path: Path):
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"listen = '\xe9'")

    for path in (tmp_path / "nowhere.toml", latin, tmp_path):
        assert refusal(CONFIG=str(path)).startswith(f"ERASMUS_APP_CONFIG: {path}: ")


HEI = """[[hei]]
id = "ribeira.example"
name = { en = "Ribeira University", pt = "Universidade da Ribeira" }
client_key = "keys/ribeira.pem"
admin_emails = ["ewp@ribeira.example"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "ribeira.pem").touch()
    (keys / "server.pem").touch()
    return tmp_path


def test_covered_heis_come_with_absolute_keys_and_poll_what_is_not_said(folder: Path):
    more = 'server_key = "keys/server.pem"\nown_system = "https://sis.ribeira.example/m.xml"\n'
    heis = file(folder / "heis.toml", HEI + more + '[hei.api]\nomobility-cnr = "own"\n')

    known = load_heis(heis)

    assert known == {
        "ribeira.example": CoveredHei(
            id="ribeira.example",
            name={"en": "Ribeira University", "pt": "Universidade da Ribeira"},
            client_key=(folder / "keys/ribeira.pem").resolve(),
            server_key=(folder / "keys/server.pem").resolve(),
            admin_emails=("ewp@ribeira.example",),
            own_system="https://sis.ribeira.example/m.xml",
            api={"omobility-cnr": ApiMode.OWN},
        )
    }
    hei = known["ribeira.example"]
    assert (hei.mode("omobility-cnr"), hei.mode("imobility-cnr")) == (ApiMode.OWN, ApiMode.POLL)


def test_the_client_key_signs_answers_where_there_is_no_server_key(folder: Path):
    (hei,) = load_heis(file(folder / "heis.toml", HEI)).values()

    assert hei.server_key == hei.client_key == (folder / "keys/ribeira.pem").resolve()


HOOK = """[[hei.webhook]]
name = "app"
url = "https://app.ribeira.example/hooks"
secret_file = "keys/app.secret"
"""


def test_webhooks_come_with_the_absolute_paths_of_their_secrets(folder: Path):
    (folder / "keys/app.secret").touch()
    more = HOOK + 'kinds = ["transcript_issued"]\nnetworks = ["10.0.0.0/8"]\n'
    (hei,) = load_heis(file(folder / "heis.toml", HEI + more)).values()

    assert hei.webhook == (
        WebhookEndpoint(
            name="app",
            url="https://app.ribeira.example/hooks",
            secret_file=(folder / "keys/app.secret").resolve(),
            kinds=("transcript_issued",),
            networks=("10.0.0.0/8",),
        ),
    )
    assert [hei.webhook[0].wants(kind, "x") for kind in ("transcript_issued", "nominated")] == [
        True,
        False,
    ]


WRONG_HOOKS = {
    "no secret": (HOOK.replace("app.secret", "none"), "there is no secret file"),
    "a strange name": (HOOK.replace('"app"', '"App 1"'), "name: wants a-z, 0-9 and -"),
    "the same name": (HOOK + HOOK, "once in an HEI"),
    "a strange network": (HOOK + 'networks = ["inside"]\n', "networks: "),
    "a strange field": (HOOK + "colour = 1\n", "unknown field `colour`"),
}


@pytest.mark.parametrize(("text", "says"), WRONG_HOOKS.values(), ids=WRONG_HOOKS)
def test_a_webhook_that_cannot_be_right_stops_the_start(folder: Path, text: str, says: str):
    (folder / "keys/app.secret").touch()
    with pytest.raises(SettingsInvalid, match=re.escape(says)):
        load_heis(file(folder / "heis.toml", HEI + text))


def test_nobody_is_covered_without_a_file():
    assert load_heis(None) == {}


API = HEI + "[hei.api]\n"
WRONG_HEIS = {
    "no HEI": ("", "missing required field `hei`"),
    "no TOML": ("[[hei]", "Expected"),
    "a strange table": (HEI + "[[uni]]\n", "unknown field `uni`"),
    "no key": (
        HEI.replace("client_key", "#"),
        "ribeira.example: Object missing required field `client_key`",
    ),
    "no id": (HEI.replace("id =", "#"), "hei number 1: Object missing required field `id`"),
    "a strange field": (HEI + "colour = 1\n", "ribeira.example: Object contains unknown field"),
    "a name without a language": (HEI.replace("{ en", "'x' # {"), "ribeira.example: Expected"),
    "upper case": (HEI.replace("ribeira.e", "Ribeira.e"), "is not a lower-case domain"),
    "no domain": (HEI.replace("ribeira.e", "e"), "'example' is not a lower-case domain"),
    "an address": (HEI.replace('"rib', '"https://rib'), "is not a lower-case domain"),
    "a blank": (HEI.replace('"rib', '" rib'), "' ribeira.example' is not a lower-case domain"),
    "two dots": (HEI.replace("a.e", "a..e"), "is not a lower-case domain"),
    "twice": (HEI + HEI, "ribeira.example stands there twice"),
    "a key that is not there": (
        HEI.replace("ribeira.pem", "other.pem"),
        "ribeira.example: there is no key file",
    ),
    "nobody to write to": (HEI.replace('["ewp@ribeira.example"]', "[]"), "admin_emails"),
    "an unknown API": (
        API + 'omobilities-cnr = "own"\n',
        "'omobilities-cnr' is not one of factsheet, iia-approval-cnr, iia-cnr, imobilities, ",
    ),
    "notifications of agreements by way of another": (
        API + 'iia-cnr = "forwarded"\n',
        "ribeira.example: iia-cnr: forwarded ones do not say whose copy it is",
    ),
    "data that are polled": (
        API + 'omobilities = "poll"\n',
        "ribeira.example: omobilities: data are served (own) or not (off)",
    ),
    "a token in place of its hash": (
        HEI + 'feed_token_sha256 = ["secret"]\n',
        "ribeira.example: feed_token_sha256: wants what `erasmus-app ewp feed-token` prints",
    ),
    "an alias that is no domain": (
        HEI + 'domains = ["Uni Old"]\n',
        "ribeira.example: domains: 'Uni Old' is not a lower-case domain",
    ),
    "an alias that is another's": (
        HEI + HEI.replace("ribeira.example", "x.example") + 'domains = ["ribeira.example"]\n',
        "x.example: domains: ribeira.example is ribeira.example's as well",
    ),
    "a coordinator without a name": (
        HEI + 'coordinators = [" "]\n',
        "ribeira.example: coordinators: an empty name is nobody's",
    ),
    "an unknown mode": (API + 'omobility-cnr = "push"\n', "Invalid enum value 'push'"),
}


@pytest.mark.parametrize(("content", "reason"), WRONG_HEIS.values(), ids=WRONG_HEIS)
def test_a_wrong_file_of_heis_stops_the_start_with_one_line(folder, content: str, reason: str):
    heis = file(folder / "heis.toml", content)

    with pytest.raises(SettingsInvalid) as refused:
        load_heis(heis)

    assert str(refused.value).startswith(f"ERASMUS_APP_EWP_HEIS: {heis}: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_networks_of_push_services_are_read_and_what_is_none_is_refused(tmp_path: Path):
    settings = load_settings({"ERASMUS_APP_WEB_PUSH_NETWORKS": "127.0.0.0/8, fd00::/8"})

    assert settings.push_networks == (ip_network("127.0.0.0/8"), ip_network("fd00::/8"))
    assert "WEB_PUSH_NETWORKS" in refusal(WEB_PUSH_NETWORKS="ntfy.uni.example")
    assert "VAPID_KEY: there is no file" in refusal(VAPID_KEY=str(tmp_path / "none.pem"))
    assert "APP_URL" in refusal(APP_URL="http://app.uni.example")

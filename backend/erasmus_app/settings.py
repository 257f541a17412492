"""Settings: read once, by name, from the environment and an optional TOML file.

`ERASMUS_APP_DATA_DIR` in the environment is `data_dir` in the file that `ERASMUS_APP_CONFIG` names;
the environment wins. A name that does not exist stops the start, and so does a value that cannot
be right, each with one line that names it.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import (
    AGREEMENT_CNR_APIS,
    CNR_APIS,
    DATA_APIS,
    ApiMode,
    CoveredHei,
    WebhookEndpoint,
)

PREFIX = "ERASMUS_APP_"
LONGEST_KEPT = 600  # months
LONGEST_MERGE = 3600  # seconds: a push that waits longer is late
LONGEST_DRAIN = 300  # seconds: who restarts us has given up by then
LARGEST = 1_000_000_000  # seconds, ids, jobs: nobody means more
LISTS = {"trusted_proxies", "app_links", "administrators", "web_push_networks", "limits"}
MAY_BE_NOTHING = {"merge_seconds", "drain_seconds"}  # 0 turns it off
LISTS |= {"app_origins", "ewp_networks"}
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


class FcmTransport(StrEnum):
    """How messages go to FCM."""

    HTTP2 = "http2"  # ours
    FIREBASE_ADMIN = "firebase-admin"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting by its name in lower case; docs/operations.md explains them one by one."""

    # Engines; None: a server of our own in `data_dir`
    database_url: str | None = None
    database_direct_url: str | None = None  # past the pooler at `database_url`, where it is one
    redis_url: str | None = None
    data_dir: Path = Path(".erasmus-app")
    data_keys: Path | None = None  # file or folder; None: made once in `data_dir`

    # Where we are reached
    listen: str = "127.0.0.1:8000"
    public_url: str = "https://localhost"
    login_url: str | None = None  # where browsers reach the login; None: `public_url`
    trusted_proxies: tuple[str, ...] = ()
    drain_seconds: float = 5  # that an api goes on for after SIGTERM, no longer ready
    tls_ca_file: Path | None = None
    explorer: bool = False  # development: the query page at GET /graphql, and introspection
    trusted_documents: Path | None = None  # JSON: documents that may be named by their hashes
    trusted_documents_only: bool = False  # and no others are answered

    # Login
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_providers: Path | None = None  # further login providers, TOML
    oauth_clients: Path | None = None  # who gets tokens from us beside our own app
    oauth_documents: bool = True  # also who describes itself at an address of its own
    session_key: Path | None = None  # EC P-256, PEM, or a folder; None: made once in `data_dir`
    app_links: tuple[str, ...] = ()  # exact addresses that a login of the app may return to
    app_origins: tuple[str, ...] = ()  # of web apps whose pages may read our answers
    administrators: tuple[str, ...] = ()  # `subject` at OIDC_ISSUER, or `issuer subject`

    # The network
    ewp_registry_url: str | None = None
    ewp_heis: Path | None = None
    ewp_monitoring: bool = True  # tell the network's statistics portal of calls that failed
    ewp_networks: tuple[str, ...] = ()  # where partners may be beside the open internet
    ewp_timeout_seconds: float = 10  # for a partner to connect, and between bytes
    ewp_max_ids: int = 20  # what our manifests allow in one call to us
    poll_seconds: float = 900  # the shortest interval: own systems, partners who tell us nothing
    safety_poll_seconds: float = 6 * 3600  # partners who notify us
    poll_overlap_seconds: float = 1800
    sweep_seconds: float = 7 * 86400
    factsheet_seconds: float = 7 * 86400
    agreements_seconds: float = 86400
    cnr_debounce_seconds: float = 3
    refetch_seconds: float = 60
    agreement_absence_seconds: float = 300
    absence_seconds: float = 4 * 3600

    # Telling the student
    merge_seconds: float = 180  # how long a push waits for others of its mobility; 0: not at all
    fcm_credentials: Path | None = None
    fcm_url: str = "https://fcm.googleapis.com"
    fcm_transport: FcmTransport = FcmTransport.HTTP2
    fcm_per_second: float = 8000  # of one worker; FCM allows 600,000 a minute, for the project
    fcm_burst: float = 4000
    web_push_per_second: float = 500  # of one worker, to each push service
    web_push_burst: float = 500
    vapid_key: Path | None = None  # EC P-256, PEM; None: made once in `data_dir`
    web_push_networks: tuple[str, ...] = ()  # where push services may be beside the open internet
    device_quiet_days: float = 60  # without a word of it, after which a device gets no pushes
    device_gone_days: float = 270  # after which it is forgotten
    app_url: str | None = None  # where browsers open the app; None: `public_url`
    smtp_url: str | None = None
    mail_after_seconds: float = 86400  # until what nobody has seen is mailed
    mail_urgent_after_seconds: float = 14400  # likewise, of what is urgent
    mail_from: str | None = None  # None: no-reply at the host of `public_url`

    # Limits
    limits: tuple[str, ...] = ()  # those that are to be others: name=MOST/SECONDS, name=off
    limits_patience_ms: float = 50  # after which Valkey counts as away
    status_page: bool = True  # whether everybody may see how it goes

    # Messengers: each is there once all that it needs is given
    telegram_token: Path | None = None
    telegram_secret: Path | None = None
    telegram_address: str | None = None
    telegram_url: str = "https://api.telegram.org"
    whatsapp_token: Path | None = None
    whatsapp_app_secret: Path | None = None
    whatsapp_verify_token: Path | None = None
    whatsapp_phone_id: str | None = None
    whatsapp_address: str | None = None
    messenger_token: Path | None = None
    messenger_app_secret: Path | None = None
    messenger_verify_token: Path | None = None
    messenger_page_id: str | None = None
    messenger_address: str | None = None
    graph_url: str = "https://graph.facebook.com/v25.0"
    slack_token: Path | None = None
    slack_signing_secret: Path | None = None
    slack_address: str | None = None
    slack_url: str = "https://slack.com/api"
    matrix_as_token: Path | None = None
    matrix_hs_token: Path | None = None
    matrix_user: str | None = None  # our bot's whole id
    matrix_url: str | None = None  # of the homeserver

    # Privacy
    erasure_days: float = 14  # in which a student can take the wish to be forgotten back
    privacy_notice_url: str | None = None  # the operator's text; None: there is none yet
    privacy_notice_version: str = "1"
    keep_mobility_months: int = 12  # after the end of a student's last mobility
    keep_message_months: int = 12  # of mobilities that are gone
    keep_affiliation_months: int = 12  # after the last login
    keep_session_months: int = 6  # after its end
    keep_access_log_months: int = 24
    keep_consent_months: int = 36  # after its withdrawal
    keep_question_months: int = 6  # to the chat, unanswered, stripped; after the month of the last

    # What processes say of themselves
    otlp_url: str | None = None  # of a collector of traces; None: OpenTelemetry's own variables
    trace_ratio: float = 1.0  # of what begins with us, how much is traced

    # Work
    job_lease_seconds: float = 30
    worker_concurrency: int = 16
    worker_listen: str | None = None  # where a worker tells of itself; None: nowhere

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port of our own plain HTTP listener."""
        return _host_and_port(self.listen)

    @property
    def worker_address(self) -> tuple[str, int] | None:
        """Host and port at which a worker tells of itself; None: it has no port."""
        return None if self.worker_listen is None else _host_and_port(self.worker_listen)

    @property
    def public_hosts(self) -> frozenset[str]:
        """Names that strangers may put into `Host`: with and without the port."""
        parts = urlsplit(self.public_url)
        return frozenset({parts.netloc.lower(), (parts.hostname or "").lower()})

    @property
    def browser_url(self) -> str:
        """Where browsers reach the login, without a slash at the end."""
        return (self.login_url or self.public_url).rstrip("/")

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks whose forwarded headers are believed."""
        return tuple(ip_network(each) for each in self.trusted_proxies)

    @property
    def merge_for(self) -> timedelta:
        """How long a push that merges waits for others."""
        return timedelta(seconds=self.merge_seconds)

    @property
    def mail_rhythm(self) -> tuple[timedelta, timedelta]:
        """How long a message waits to be seen before it is mailed: any, and an urgent one."""
        return (
            timedelta(seconds=self.mail_after_seconds),
            timedelta(seconds=self.mail_urgent_after_seconds),
        )

    @property
    def push_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks that subscriptions may lead into beside the open internet."""
        return tuple(ip_network(each) for each in self.web_push_networks)

    @property
    def partner_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks that partners' addresses may lead into beside the open internet."""
        return tuple(ip_network(each) for each in self.ewp_networks)

    @property
    def absences(self) -> tuple[timedelta, timedelta]:
        """How long an absence must last to count: a learning agreement's, anything else's."""
        return (
            timedelta(seconds=self.agreement_absence_seconds),
            timedelta(seconds=self.absence_seconds),
        )


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from `environment` and the file that it may name.

    Raises:
        SettingsInvalid: a name or a value is wrong; the message is one line that says which.
    """
    given: dict[str, Any] = {}
    if config := environment.get(f"{PREFIX}CONFIG"):
        given |= _from_file(Path(config))
    for name, value in environment.items():
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG":
            field = name.removeprefix(PREFIX).lower()
            given[_known(field, name, _variable)] = _from_text(field, value)
    for field, value in given.items():  # one by one: msgspec names a field's path only in part
        kind = msgspec.structs.fields(Settings)
        expected = next(each.type for each in kind if each.name == field)
        try:
            given[field] = msgspec.convert(value, expected, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            raise SettingsInvalid(f"{PREFIX}{field.upper()}: {error}") from error
    settings = Settings(**given)
    _check(settings)
    return settings


def _path(kind: type, value: object) -> Path:
    """Make a path of a text, for msgspec, which does not know paths."""
    if kind is not Path or not isinstance(value, str):
        raise TypeError(f"cannot read a {kind.__name__}")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # ~somebody whom this machine does not know
        raise ValueError(f"{value}: there is no such home directory") from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"{PREFIX}CONFIG: {path}: {error}") from error
    return {
        _known(field, f"{PREFIX}CONFIG: {path}: {field}", str): value
        for field, value in content.items()
    }


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _known(field: str, name: str, spelled: Callable[[str], str]) -> str:
    """Return `field` if it is a setting; `spelled` writes one as it is written in that place."""
    names = [each.name for each in msgspec.structs.fields(Settings)]
    if field not in names:
        near = difflib.get_close_matches(field, names, n=1)
        hint = f"; did you mean {spelled(near[0])}?" if near else ""
        raise SettingsInvalid(f"{name}: there is no such setting{hint}")
    return field


def _from_text(field: str, value: str) -> Any:
    if field in LISTS:
        return [each.strip() for each in value.split(",") if each.strip()]
    if not value.strip():  # a secret that did not come must not start an engine of our own
        raise SettingsInvalid(f"{PREFIX}{field.upper()}: is empty; leave it out for the default")
    return value


def _check(settings: Settings) -> None:
    for name in ("LISTEN", "WORKER_LISTEN"):
        given = getattr(settings, name.lower())
        try:
            host, port = ("localhost", 1) if given is None else _host_and_port(given)
        except ValueError:
            host, port = "", -1
        if not host or not 0 < port < 65536:  # no host would be all of them
            raise SettingsInvalid(f"{PREFIX}{name}: {given!r} is not host:port")
    _check_url("PUBLIC_URL", settings.public_url, loopback_http=False)
    for name in (
        *("LOGIN_URL", "OIDC_ISSUER", "EWP_REGISTRY_URL", "FCM_URL", "PRIVACY_NOTICE_URL"),
        *("APP_URL", "TELEGRAM_URL", "GRAPH_URL", "SLACK_URL", "MATRIX_URL"),
        *("TELEGRAM_ADDRESS", "WHATSAPP_ADDRESS", "MESSENGER_ADDRESS", "SLACK_ADDRESS"),
    ):
        if (value := getattr(settings, name.lower())) is not None:
            _check_url(name, value, loopback_http=True)
    if settings.otlp_url is not None and not settings.otlp_url.startswith("http://"):
        _check_url("OTLP_URL", settings.otlp_url, loopback_http=True)  # traces name nobody
    for name in ("TRUSTED_PROXIES", "WEB_PUSH_NETWORKS", "EWP_NETWORKS"):
        try:
            tuple(map(ip_network, getattr(settings, name.lower())))
        except ValueError as error:
            raise SettingsInvalid(f"{PREFIX}{name}: {error}") from error
    if settings.database_direct_url is not None and settings.database_url is None:
        raise SettingsInvalid(
            f"{PREFIX}DATABASE_DIRECT_URL: leads past DATABASE_URL, which is not set"
        )
    for origin in settings.app_origins:
        if _ORIGIN.fullmatch(origin) is None:
            raise SettingsInvalid(
                f"{PREFIX}APP_ORIGINS: {origin!r} is no origin as browsers write it: https://host, "
                "in small letters, with a port that is not 443, and nothing behind it"
            )
    _check_spans(settings)
    _check_paths(settings)
    for each in msgspec.structs.fields(Settings):
        value = getattr(settings, each.name)
        off = each.name in MAY_BE_NOTHING and value == 0
        if each.type in (float, int) and not (0 < value < math.inf or off):
            raise SettingsInvalid(f"{PREFIX}{each.name.upper()}: must be a number above 0")
        if each.name.startswith("keep_") and value > LONGEST_KEPT:
            raise SettingsInvalid(
                f"{PREFIX}{each.name.upper()}: must be at most {LONGEST_KEPT} months"
            )
        if each.type in (float, int) and value > LARGEST:
            raise SettingsInvalid(f"{PREFIX}{each.name.upper()}: must be at most {LARGEST}")


def _check_spans(settings: Settings) -> None:
    if settings.trace_ratio > 1:
        raise SettingsInvalid(f"{PREFIX}TRACE_RATIO: must be at most 1")
    if settings.merge_seconds > LONGEST_MERGE:
        raise SettingsInvalid(f"{PREFIX}MERGE_SECONDS: must be at most {LONGEST_MERGE}")
    if settings.drain_seconds > LONGEST_DRAIN:
        raise SettingsInvalid(f"{PREFIX}DRAIN_SECONDS: must be at most {LONGEST_DRAIN}")
    if settings.mail_urgent_after_seconds > settings.mail_after_seconds:
        raise SettingsInvalid(
            f"{PREFIX}MAIL_URGENT_AFTER_SECONDS: must be at most MAIL_AFTER_SECONDS"
        )
    if settings.device_gone_days < settings.device_quiet_days:
        raise SettingsInvalid(f"{PREFIX}DEVICE_GONE_DAYS: must be at least DEVICE_QUIET_DAYS")


def _check_paths(settings: Settings) -> None:
    for name in (
        *("TLS_CA_FILE", "EWP_HEIS", "FCM_CREDENTIALS", "OIDC_PROVIDERS", "OAUTH_CLIENTS"),
        *("VAPID_KEY", "TELEGRAM_TOKEN", "TELEGRAM_SECRET", "WHATSAPP_TOKEN"),
        *("WHATSAPP_APP_SECRET", "WHATSAPP_VERIFY_TOKEN", "MESSENGER_TOKEN"),
        *("MESSENGER_APP_SECRET", "MESSENGER_VERIFY_TOKEN", "SLACK_TOKEN"),
        *("SLACK_SIGNING_SECRET", "MATRIX_AS_TOKEN", "MATRIX_HS_TOKEN"),
    ):
        path = getattr(settings, name.lower())
        if path is not None and not _is_file(path):
            raise SettingsInvalid(f"{PREFIX}{name}: there is no file {path}")
    for name in ("DATA_KEYS", "SESSION_KEY"):  # several keys are a folder of files
        path = getattr(settings, name.lower())
        if path is not None and not _is_file(path) and not _is_folder(path):
            raise SettingsInvalid(f"{PREFIX}{name}: there is no file or folder {path}")


def _is_file(path: Path) -> bool:
    """Whether there is a file; a path that the system cannot even look up is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _check_url(name: str, value: str, *, loopback_http: bool) -> None:
    try:
        parts = urlsplit(value)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:  # half an IPv6 address, or a port that is no number
        scheme, host = "", None
    if scheme == "https" and host:
        return
    if loopback_http and scheme == "http" and host in LOOPBACK_NAMES:
        return
    also = " (http only on loopback)" if loopback_http else ""
    raise SettingsInvalid(f"{PREFIX}{name}: {value!r} is not an https address{also}")


class _HeisFile(msgspec.Struct, forbid_unknown_fields=True):
    hei: tuple[dict[str, Any], ...]


_SHA256 = re.compile(r"[0-9a-f]{64}")
_ORIGIN = re.compile(  # http on this machine alone: for who develops an app
    r"https://[a-z0-9.-]+(?::(?!443$)[1-9][0-9]{0,4})?"
    r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::(?!80$)[1-9][0-9]{0,4})?"
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]")


def _check_apis(hei: CoveredHei, where: str) -> None:
    if strange := sorted(hei.api.keys() - CNR_APIS - DATA_APIS):
        names = ", ".join(sorted(CNR_APIS | DATA_APIS))
        raise SettingsInvalid(f"{where}: {strange[0]!r} is not one of {names}")
    for api in sorted(hei.api.keys() & AGREEMENT_CNR_APIS):
        if hei.api[api] is ApiMode.FORWARDED:
            raise SettingsInvalid(f"{where}: {api}: forwarded ones do not say whose copy it is")
    for api in sorted(hei.api.keys() & DATA_APIS):
        if hei.api[api] not in {ApiMode.OWN, ApiMode.OFF}:
            raise SettingsInvalid(f"{where}: {api}: data are served (own) or not (off)")
    if not all(_SHA256.fullmatch(each) for each in hei.feed_token_sha256):
        words = "feed_token_sha256: wants what `erasmus-app ewp feed-token` prints, 64 hex digits"
        raise SettingsInvalid(f"{where}: {words}")


def _check_people(hei: CoveredHei, before: Iterable[CoveredHei], where: str) -> None:
    for domain in hei.domains:
        if _DOMAIN.fullmatch(domain) is None:
            raise SettingsInvalid(f"{where}: domains: {domain!r} is not a lower-case domain")
    own = {hei.id, *hei.domains}
    for other in before:
        if shared := sorted(own & {other.id, *other.domains}):
            raise SettingsInvalid(f"{where}: domains: {shared[0]} is {other.id}'s as well")
    for name in hei.coordinators:
        if not name.strip():
            raise SettingsInvalid(f"{where}: coordinators: an empty name is nobody's")


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _webhooks(hei: CoveredHei, folder: Path, where: str) -> tuple[WebhookEndpoint, ...]:
    """Check an HEI's webhooks; return them with the paths of their secrets."""
    found: dict[str, WebhookEndpoint] = {}
    for each in hei.webhook:
        there = f"{where}: webhook {each.name!r}"
        if _NAME.fullmatch(each.name) is None or each.name in found:
            raise SettingsInvalid(f"{there}: name: wants a-z, 0-9 and -, once in an HEI")
        try:
            tuple(map(ip_network, each.networks))
        except ValueError as error:
            raise SettingsInvalid(f"{there}: networks: {error}") from error
        secret = folder / each.secret_file
        if not _is_file(secret):
            raise SettingsInvalid(f"{there}: there is no secret file {secret}")
        found[each.name] = msgspec.structs.replace(each, secret_file=secret.resolve())
    return tuple(found.values())


def load_heis(path: Path | None) -> dict[HeiId, CoveredHei]:
    """Read the covered HEIs from the file that `EWP_HEIS` names; none without a file.

    Key paths in the file are relative to it and come back absolute.

    Raises:
        SettingsInvalid: the file, a name or a value in it is wrong.
    """
    if path is None:
        return {}
    where = f"{PREFIX}EWP_HEIS: {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = msgspec.convert(content, _HeisFile).hei
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{where}: {error}") from error
    heis: dict[HeiId, CoveredHei] = {}
    for number, table in enumerate(tables, 1):
        try:
            hei = msgspec.convert(table, CoveredHei, dec_hook=_path)
        except msgspec.ValidationError as error:
            name = table.get("id") or f"hei number {number}"
            raise SettingsInvalid(f"{where}: {name}: {error}") from error
        if _DOMAIN.fullmatch(hei.id) is None or len(hei.id) > 253:
            raise SettingsInvalid(f"{where}: {hei.id!r} is not a lower-case domain")
        if hei.id in heis:
            raise SettingsInvalid(f"{where}: {hei.id} stands there twice")
        _check_people(hei, heis.values(), f"{where}: {hei.id}")
        _check_apis(hei, f"{where}: {hei.id}")
        if not hei.admin_emails:
            raise SettingsInvalid(f"{where}: {hei.id}: admin_emails: a manifest names at least one")
        client_key = path.parent / hei.client_key
        server_key = path.parent / (hei.server_key or hei.client_key)
        for key in (client_key, server_key):
            if not _is_file(key):
                raise SettingsInvalid(f"{where}: {hei.id}: there is no key file {key}")
        heis[hei.id] = msgspec.structs.replace(
            hei,
            client_key=client_key.resolve(),
            server_key=server_key.resolve(),
            webhook=_webhooks(hei, path.parent, f"{where}: {hei.id}"),
        )
    return heis

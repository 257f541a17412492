"""What can be set, what each setting is by default, and which values cannot be right."""

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

PREFIX = "ERASMUS_APP_"
LONGEST_KEPT = 600  # months
FEWEST_CONNECTIONS = 5  # one is for ended sessions, and a job may hold two at a time
LONGEST_MERGE = 3600  # seconds: a push that waits longer is late
LONGEST_DRAIN = 300  # seconds: who restarts us has given up by then
LARGEST = 1_000_000_000  # seconds, ids, jobs: nobody means more
MAY_BE_NOTHING = {"merge_seconds", "drain_seconds"}  # 0 turns it off
LONGEST_SHOWN = 200  # characters of a wrong value
MAY_BE_FOLDERS = {"data_keys", "session_key"}  # of which there may be several
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
SECRETS = frozenset(
    {"database_url", "database_direct_url", "redis_url", "oidc_client_secret", "smtp_url"}
)
"""Settings that are a secret or hold one: never shown, and each may come from a file."""


class FcmTransport(StrEnum):
    """How messages go to FCM."""

    HTTP2 = "http2"  # ours
    FIREBASE_ADMIN = "firebase-admin"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting by its name in lower case; docs/operations/settings.md explains each."""

    # Engines; None: a server of our own in `data_dir`
    database_url: str | None = None
    database_direct_url: str | None = None  # past the pooler at `database_url`, where it is one
    database_connections: int = 10  # of a process at once, beside those that listen
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
    worker_listen: str | None = None  # where a worker tells of itself; None: nowhere

    # Work
    job_lease_seconds: float = 30
    worker_concurrency: int = 16
    worker_least_share: float = 0.05  # of the time, where apps have to wait; 1: as at other times

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return every setting as it may be shown."""
        given = ((each, getattr(self, each)) for each in self.__struct_fields__)
        return [
            (name, "(secret)" if name in SECRETS and value is not None else value)
            for name, value in given
        ]

    def __repr__(self) -> str:
        """Show every setting but the secrets: this is what an error or a test prints."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

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


Fault = tuple[str, str]
"""A setting's field, and what is wrong with its value: never the value of a secret."""


def faults_of(settings: Settings) -> Iterator[Fault]:
    """Yield what cannot be right about values that are of the right type."""
    yield from _texts(settings)
    yield from _addresses(settings)
    yield from _engines(settings)
    yield from _numbers(settings)
    yield from _spans(settings)
    yield from _paths(settings)


def _texts(settings: Settings) -> Iterator[Fault]:
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not (text.strip() and text.isprintable()):
                yield name, "wants one line of text without control characters"
    for each in settings.app_links:
        if not _has_scheme(each):
            yield "app_links", f"{shown(each)} is not an address, as https://app.uni.example/in"
    for each in settings.administrators:
        issuer, _, subject = each.rpartition(" ")
        if issuer and not (_has_scheme(issuer) and subject):
            yield "administrators", f"{shown(each)} is neither a subject nor an issuer and one"
    if settings.mail_from is not None and not _is_mail(settings.mail_from):
        yield "mail_from", f"{shown(settings.mail_from)} is not an e-mail address"
    if settings.matrix_user is not None and not _MATRIX.fullmatch(settings.matrix_user):
        yield "matrix_user", f"{shown(settings.matrix_user)} is not a whole id, as @bot:uni.example"
    for name in ("whatsapp_phone_id", "messenger_page_id"):
        value = getattr(settings, name)
        if value is not None and not (value.isascii() and value.isdigit()):
            yield name, f"{shown(value)} is not an id, which has digits only"


def _addresses(settings: Settings) -> Iterator[Fault]:
    for name in ("listen", "worker_listen"):
        if (value := getattr(settings, name)) is None:
            continue
        try:
            host, port = _host_and_port(value)
        except ValueError:
            host, port = "", -1
        if not host or not 0 < port < 65536:  # no host would be all of them
            yield name, f"{shown(value)} is not host:port"
    for name in (
        *("PUBLIC_URL", "LOGIN_URL", "OIDC_ISSUER", "EWP_REGISTRY_URL", "FCM_URL"),
        *("PRIVACY_NOTICE_URL", "APP_URL", "TELEGRAM_URL", "GRAPH_URL", "SLACK_URL", "MATRIX_URL"),
        *("TELEGRAM_ADDRESS", "WHATSAPP_ADDRESS", "MESSENGER_ADDRESS", "SLACK_ADDRESS"),
    ):
        value = getattr(settings, name.lower())
        loopback = name != "PUBLIC_URL"
        if value is not None and not _is_https(value, loopback_http=loopback):
            also = " (http only on loopback)" if loopback else ""
            yield name.lower(), f"{shown(value)} is not an https address{also}"
    # Traces name nobody, and a collector is inside as a rule.
    url = settings.otlp_url
    if url is not None and not (url.startswith("http://") or _is_https(url, loopback_http=True)):
        yield "otlp_url", f"{shown(url)} is not an address of http or https"
    for origin in settings.app_origins:
        if _ORIGIN.fullmatch(origin) is None:
            wants = "https://host, in small letters, without :443, and nothing behind it"
            yield "app_origins", f"{shown(origin)} is no origin as browsers write it: {wants}"
    for name in ("TRUSTED_PROXIES", "WEB_PUSH_NETWORKS", "EWP_NETWORKS"):
        try:
            tuple(map(ip_network, getattr(settings, name.lower())))
        except ValueError as error:
            yield name.lower(), str(error)


def _engines(settings: Settings) -> Iterator[Fault]:
    for name, schemes, example in (
        ("database_url", _POSTGRES, "postgresql://user:secret@host/database"),
        ("database_direct_url", _POSTGRES, "postgresql://user:secret@host/database"),
        ("redis_url", {"redis", "rediss", "unix"}, "redis://host:6379/0"),
        ("smtp_url", {"smtps", "smtp"}, "smtps://user:secret@host, or smtp:// for STARTTLS"),
    ):
        value = getattr(settings, name)
        if value is None:
            continue
        try:
            whole = all(
                parts.scheme in schemes
                and (parts.hostname or (name != "smtp_url" and (parts.path or parts.query)))
                and parts.port != 0
                for parts in map(urlsplit, _one_by_one(value) if schemes is _POSTGRES else [value])
            )
        except ValueError:  # a port that is no number, half an IPv6 address
            whole = False
        if not whole:
            yield name, f"{len(value)} characters that are not an address as {example}"

    if settings.database_direct_url is not None and settings.database_url is None:
        yield "database_direct_url", "leads past DATABASE_URL, which is not set"


def _one_by_one(address: str) -> list[str]:
    """Return an address of several PostgreSQL servers as one of each."""
    scheme, _, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    return [f"{scheme}://{user}{at}{host}{slash}{path}" for host in hosts.split(",")]


def _numbers(settings: Settings) -> Iterator[Fault]:
    for each in msgspec.structs.fields(Settings):
        value = getattr(settings, each.name)
        if each.type not in (float, int):
            continue
        off = each.name in MAY_BE_NOTHING and value == 0
        if not (0 < value < math.inf or off):
            least = "of 0 or more" if each.name in MAY_BE_NOTHING else "above 0"
            yield each.name, f"must be a number {least}, not {value}"
        elif each.name.startswith("keep_") and value > LONGEST_KEPT:
            yield each.name, f"must be at most {LONGEST_KEPT} months"
        elif value > LARGEST:
            yield each.name, f"must be at most {LARGEST}"


def _spans(settings: Settings) -> Iterator[Fault]:
    if settings.database_connections < FEWEST_CONNECTIONS:
        yield "database_connections", f"must be at least {FEWEST_CONNECTIONS}"
    if settings.merge_seconds > LONGEST_MERGE:
        yield "merge_seconds", f"must be at most {LONGEST_MERGE}"
    if settings.drain_seconds > LONGEST_DRAIN:
        yield "drain_seconds", f"must be at most {LONGEST_DRAIN}"
    if settings.trace_ratio > 1:
        yield "trace_ratio", "must be at most 1"
    if settings.worker_least_share > 1:
        yield "worker_least_share", "must be at most 1"
    if settings.mail_urgent_after_seconds > settings.mail_after_seconds:
        yield "mail_urgent_after_seconds", "must be at most MAIL_AFTER_SECONDS"
    if settings.device_gone_days < settings.device_quiet_days:
        yield "device_gone_days", "must be at least DEVICE_QUIET_DAYS"


def _paths(settings: Settings) -> Iterator[Fault]:
    for each in msgspec.structs.fields(Settings):
        path = getattr(settings, each.name)
        if not isinstance(path, Path) or each.name == "data_dir":  # which is made where it is not
            continue
        if each.name in MAY_BE_FOLDERS:
            if not is_file(path) and not is_folder(path):
                yield each.name, f"there is no file or folder {path}"
        elif not is_file(path):
            yield each.name, f"there is no file {path}"


def is_file(path: Path) -> bool:
    """Whether there is a file; a path that the system cannot even look up is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, a loop of links; a null character
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder; a path that the system cannot even look up is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def shown(value: str) -> str:
    """Write a value that is no secret, without the user and password that an address may hold."""
    return repr(re.sub(r"//.*@", "//(secret)@", value, flags=re.DOTALL)[:LONGEST_SHOWN])


_POSTGRES = {"postgresql", "postgres"}
_ORIGIN = re.compile(  # http on this machine alone: for who develops an app
    r"https://[a-z0-9.-]+(?::(?!443$)[1-9][0-9]{0,4})?"
    r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::(?!80$)[1-9][0-9]{0,4})?"
)
_MATRIX = re.compile(r"@[^@:\s]+:[^@\s]+")


def _is_mail(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name and host) and " " not in text


def _has_scheme(text: str) -> bool:
    scheme, colon, rest = text.partition(":")
    return bool(scheme and colon and rest) and " " not in text


def _is_https(value: str, *, loopback_http: bool) -> bool:
    try:
        parts = urlsplit(value)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    if scheme == "https":
        return bool(host)
    return loopback_http and scheme == "http" and host in LOOPBACK_NAMES

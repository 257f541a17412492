"""`erasmus-app config check`: is anything wrong with the settings, or a file that they name?

A line for each thing that is. Nothing is connected to unless it is asked for, and nothing is made.
"""

import asyncio
import os
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.api.trusted import load_trusted
from erasmus_app.bootstrap.channels import opened_endpoints
from erasmus_app.bootstrap.mailing import mail_sender
from erasmus_app.bootstrap.messengers import gateways
from erasmus_app.cli.ewp_doctor import registry
from erasmus_app.cli.ewp_findings import Level
from erasmus_app.cli.ewp_tools import one_line, opened, read_key
from erasmus_app.errors import AppError, SettingsInvalid
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import utc_now
from erasmus_app.kit.trust import trusting
from erasmus_app.limits.rules import load_rules
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.oidc.clients import load_clients
from erasmus_app.oidc.provider import OpenIdProvider
from erasmus_app.oidc.registered import load_providers
from erasmus_app.oidc.tokens import session_keys
from erasmus_app.push.credentials import AccessTokens, TokenRefused
from erasmus_app.push.vapid import vapid_key
from erasmus_app.settings import PREFIX, Settings
from erasmus_app.settings.heis import read_heis
from erasmus_app.settings.reading import CONFIG, exposed, read_settings
from erasmus_app.store.sealed import OWN_FILE, load_vault
from erasmus_app.store.versions import standing

SECONDS = 15.0  # for each that is connected to
UNREACHED = (
    *(OSError, TimeoutError, ValueError, AppError, TokenRefused, httpx.HTTPError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, smtplib.SMTPException),
)


async def check(environment: Mapping[str, str], *, connect: bool) -> int:
    """Print what is wrong, a line each; return 1 where anything is."""
    before = structlog.get_config()  # what the adapters log is said here in words
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        reading = read_settings(environment)
        settings = reading.settings
        wrong = [*reading.faults]
        if unread := list(trouble("TLS_CA_FILE", lambda: trusting(settings.tls_ca_file))):
            wrong += unread  # once, not by all who would trust it
            settings = msgspec.structs.replace(settings, tls_ca_file=None)
        wrong += files(settings)
        wrong += await channels(settings)
        for line in exposed(reading, environment.get(CONFIG)):
            print(f"note: {line}")
        for line in wrong:
            print(f"wrong: {one_line(line)}")
        failed = 0
        if connect:
            async for is_good, line in connections(settings):
                failed += not is_good
                print(f"{'ok' if is_good else 'wrong'}: {one_line(line)}")
    finally:
        structlog.configure(**before)
    print("nothing is wrong" if not wrong and not failed else f"wrong: {len(wrong) + failed}")
    return 1 if wrong or failed else 0


def trouble(name: str, read: Callable[[], object]) -> Iterator[str]:
    """Yield what a setting's reader cannot read; nothing where it can."""
    try:
        read()
    except AppError as error:
        yield str(error)
    except (OSError, ValueError) as error:
        yield f"{PREFIX}{name}: {error}"


def files(settings: Settings) -> Iterator[str]:
    """Read every file that the settings name, as the processes do; yield what is wrong."""
    own = settings.data_dir
    yield from trouble("DATA_DIR", lambda: _see_writable(own))
    for name, given, made, read in (
        ("DATA_KEYS", settings.data_keys, own / OWN_FILE, load_vault),
        ("SESSION_KEY", settings.session_key, own / "session-key.pem", session_keys),
        ("VAPID_KEY", settings.vapid_key, own / "vapid-key.pem", vapid_key),
    ):
        if given is not None or made.exists():  # what is not there yet is made at the start
            yield from trouble(name, partial(read, given, own))
    yield from trouble("OIDC_PROVIDERS", lambda: load_providers(settings))
    yield from trouble("OAUTH_CLIENTS", lambda: load_clients(settings.oauth_clients))
    if (documents := settings.trusted_documents) is not None:
        yield from trouble("TRUSTED_DOCUMENTS", lambda: load_trusted(documents))
    if settings.fcm_credentials is not None:
        yield from trouble("FCM_CREDENTIALS", lambda: _tokens(settings).close())
    yield from trouble("SMTP_URL", lambda: mail_sender(settings))
    yield from trouble("LIMITS", lambda: load_rules(settings.limits))
    heis, faults = read_heis(settings.ewp_heis)
    yield from faults
    yield from _keys(heis)


async def channels(settings: Settings) -> list[str]:
    """Open what tells students and systems, with its secrets; return what is wrong."""
    heis, _ = read_heis(settings.ewp_heis)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        messages = load_catalogue(catalogue_folder())
        return [
            *trouble("TELEGRAM_TOKEN", lambda: gateways(settings, http, utc_now)),
            *trouble(
                "EWP_HEIS", lambda: opened_endpoints(settings, heis, messages, utc_now, stack)
            ),
        ]


async def connections(settings: Settings) -> AsyncIterator[tuple[bool, str]]:
    """Connect to everything that is named, one after the other; yield whether, and what to say."""
    for name, ask in (
        ("PostgreSQL (DATABASE_URL)", _database),
        ("Valkey (REDIS_URL)", _valkey),
        ("EWP registry", _registry),
        ("FCM's token service", _fcm),
        ("mail server", _mail),
    ):
        yield await _asked(name, ask(settings))
    try:
        providers = load_providers(settings)
    except SettingsInvalid:
        return  # which `files` has said
    async with httpx.AsyncClient(
        verify=trusting(settings.tls_ca_file), timeout=SECONDS, trust_env=False
    ) as http:
        for each in providers.values():
            provider = OpenIdProvider(
                http=http, config=each, redirect_uri=settings.browser_url, clock=utc_now
            )
            yield await _asked(f"login provider {each.issuer}", _discovered(provider))


async def _asked(name: str, answer: Awaitable[str]) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(SECONDS):
            return True, f"{name}: {await answer}"
    except UNREACHED as error:
        return False, f"{name}: {error or type(error).__name__}"


async def _database(settings: Settings) -> str:
    if settings.database_url is None:
        return "none is named; processes start one of their own in DATA_DIR"
    if (wrong := (await standing(settings.database_url)).wrong) is not None:
        raise SettingsInvalid(f"reached, but {wrong}")
    return "reached, and its tables are this program's"


async def _valkey(settings: Settings) -> str:
    if settings.redis_url is None:
        return "none is named; processes start one of their own in DATA_DIR"
    async with Redis.from_url(settings.redis_url) as redis:
        await redis.ping()
    return "reached"


async def _registry(settings: Settings) -> str:
    async with opened(settings) as tools:
        _, found = await registry(tools)
    first = next(each for each in found if each.about == "registry")
    if first.level is Level.PROBLEM or not first.words.startswith("reachable"):
        raise SettingsInvalid(first.words)
    return first.words


async def _fcm(settings: Settings) -> str:
    if settings.fcm_credentials is None:
        return "no FCM_CREDENTIALS: no pushes to phones"
    tokens = _tokens(settings)
    try:
        await tokens.token()
    finally:
        tokens.close()
    return f"gives tokens for the project {tokens.project}"


async def _mail(settings: Settings) -> str:
    sender = mail_sender(settings)
    if sender is None:
        return "no SMTP_URL: no mails"
    server = await asyncio.to_thread(sender.connect)
    await asyncio.to_thread(server.quit)
    return "takes mails of ours"


async def _discovered(provider: OpenIdProvider) -> str:
    await provider.logout_url()  # the first thing that wants its document, and nothing else
    return "describes itself"


def _see_writable(folder: Path) -> None:
    """Raise ValueError where the folder can be neither written nor made."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"{folder}: cannot be written by this user ({there})")


def _tokens(settings: Settings) -> AccessTokens:
    assert settings.fcm_credentials is not None
    return AccessTokens(settings.fcm_credentials, settings.tls_ca_file)


def _keys(heis: Mapping[HeiId, CoveredHei]) -> Iterator[str]:
    for hei in heis.values():
        for path in dict.fromkeys((hei.client_key, hei.server_key or hei.client_key)):
            yield from (f"{PREFIX}EWP_HEIS: {hei.id}: {words}" for words in _key_trouble(path))


def _key_trouble(path: Path) -> Iterator[str]:
    return trouble("EWP_HEIS", lambda: read_key(path))

"""Messengers, wired: each is there once all that it needs is configured."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis.asyncio import Redis

from erasmus_app.chat.desk import ChatDesk
from erasmus_app.chat.messenger_words import load_messenger_texts
from erasmus_app.chat.messengers import Gateway, Gateways, Messenger
from erasmus_app.chat.models import Asker
from erasmus_app.chat.service import ChatService
from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.standings import Standings
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.push.messengers.calls import Calls
from erasmus_app.push.messengers.matrix import Matrix
from erasmus_app.push.messengers.meta import FacebookMessenger, WhatsApp
from erasmus_app.push.messengers.slack import Slack
from erasmus_app.push.messengers.telegram import Telegram
from erasmus_app.settings import PREFIX, Settings
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.chat_limits import RedisChatLimits
from erasmus_app.store.chat_links import ChatLinkTable
from erasmus_app.store.chat_messages import ChatMessageTable
from erasmus_app.store.database import Database

SHORTEST_SECRET = 16  # characters


@dataclass(frozen=True, slots=True)
class KnownAskers:
    """See `chat.desk.Askers`."""

    accounts: AccountTable
    standings: Standings

    async def asker(self, account: AccountId) -> Asker | None:
        """Return an account's language, zone and standing; None where it is gone."""
        found = await self.accounts.account(account)
        if found is None:
            return None
        return Asker(
            account_id=account,
            standing=await self.standings.of_account(account),
            language=found.language,
            zone=found.zone,
        )


def chat_desk(
    settings: Settings,
    http: httpx.AsyncClient,
    redis: Redis,
    tables: Database,
    languages: Collection[str],
    standings: Standings,
    chat: ChatService,
    clock: Clock,
) -> ChatDesk:
    """Make the desk. Raises SettingsInvalid: a messenger is configured in part, or wrongly."""
    return ChatDesk(
        gateways=gateways(settings, http, clock),
        links=ChatLinkTable(tables),
        limits=RedisChatLimits(redis, tables.vault),
        messages=ChatMessageTable(tables),
        texts=load_messenger_texts(catalogue_folder(), languages),
        askers=KnownAskers(AccountTable(tables), standings),
        chat=chat,
        clock=clock,
    )


def gateways(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Gateways:
    """Return the messengers that are configured. Raises SettingsInvalid."""
    made: dict[Messenger, Gateway] = {}
    graph = Calls(http, settings.graph_url, clock)
    if given := _given(settings, "telegram", "token", "secret"):
        made[Messenger.TELEGRAM] = Telegram(
            calls=Calls(http, settings.telegram_url, clock),
            address=settings.telegram_address,
            **given,
        )
    if given := _given(settings, "whatsapp", "token", "app_secret", "verify_token", "phone_id"):
        made[Messenger.WHATSAPP] = WhatsApp(calls=graph, address=settings.whatsapp_address, **given)
    if given := _given(settings, "messenger", "token", "app_secret", "verify_token", "page_id"):
        made[Messenger.MESSENGER] = FacebookMessenger(
            calls=Calls(http, settings.graph_url, clock),
            address=settings.messenger_address,
            **given,
        )
    if given := _given(settings, "slack", "token", "signing_secret"):
        made[Messenger.SLACK] = Slack(
            calls=Calls(http, settings.slack_url, clock), address=settings.slack_address, **given
        )
    if given := _given(settings, "matrix", "as_token", "hs_token", "user", "url"):
        made[Messenger.MATRIX] = Matrix(
            calls=Calls(http, given.pop("url"), clock),
            address=f"https://matrix.to/#/{given['user']}",
            **given,
        )
    return made


def _given(settings: Settings, messenger: str, *names: str) -> dict[str, str]:
    """Return what a messenger needs, secrets read from their files; nothing where there is none."""
    values = {name: getattr(settings, f"{messenger}_{name}") for name in names}
    if all(each is None for each in values.values()):
        return {}
    if missing := [name for name, each in values.items() if each is None]:
        name = f"{PREFIX}{messenger}_{missing[0]}".upper()
        raise SettingsInvalid(f"{name}: is needed as well, since {messenger} is configured in part")
    return {
        name: _secret(f"{PREFIX}{messenger}_{name}".upper(), each)
        if isinstance(each, Path)
        else str(each)
        for name, each in values.items()
    }


def _secret(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{name}: {path}: {type(error).__name__}") from error
    if len(text) < SHORTEST_SECRET or not text.isprintable() or " " in text:
        raise SettingsInvalid(
            f"{name}: {path}: wants one line of at least {SHORTEST_SECRET} characters"
        )
    return text

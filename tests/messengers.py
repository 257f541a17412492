"""Messengers around a backend: their doubles, and what a student does in them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from databases import until
from testbed import Bed, bed_running

from erasmus_app.chat.messenger_words import load_messenger_texts
from erasmus_app.cli.phones import Phone
from erasmus_app.notifications.catalogue import catalogue_folder
from sandbox.messengers.api import MessengerApi, Sent, running_api
from sandbox.messengers.matrix import BOT, MatrixApi, transaction
from sandbox.messengers.meta import VERSION, MessengerPlatformApi, WhatsAppApi
from sandbox.messengers.slack import SlackApi
from sandbox.messengers.telegram import TelegramApi

CODE = """mutation CreateChatLinkCode {
  createChatLinkCode {
    __typename
    ... on ChatLinkCodeCreated { code expiresAt }
    ... on ChatLinkCodeTooSoon { againAt }
  }
}"""
LINKS = "query ChatLinks { me { chatLinks { id messenger linkedAt lastUsedOn } } }"
TEXTS = load_messenger_texts(catalogue_folder(), ["en"])
WORDS = TEXTS.of("en")


@dataclass(slots=True, kw_only=True)
class Doubles:
    """Each messenger's API."""

    telegram: TelegramApi = field(default_factory=TelegramApi)
    whatsapp: WhatsAppApi = field(default_factory=WhatsAppApi)
    messenger: MessengerPlatformApi = field(default_factory=MessengerPlatformApi)
    slack: SlackApi = field(default_factory=SlackApi)
    matrix: MatrixApi = field(default_factory=MatrixApi)

    def settings(self, folder: Path) -> dict[str, str]:
        """What a backend needs for all of them."""

        def file(name: str, secret: str) -> str:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            path.write_text(secret, encoding="ascii")
            return str(path)

        return {
            "telegram_token": file("telegram-token", self.telegram.token),
            "telegram_secret": file("telegram-secret", self.telegram.secret),
            "telegram_url": self.telegram.url,
            "telegram_address": "https://t.me/erasmus_play_bot",
            "whatsapp_token": file("whatsapp-token", self.whatsapp.token),
            "whatsapp_app_secret": file("whatsapp-app-secret", self.whatsapp.secret),
            "whatsapp_verify_token": file("whatsapp-verify", VERIFY),
            "whatsapp_phone_id": self.whatsapp.phone_id,
            "messenger_token": file("messenger-token", self.messenger.token),
            "messenger_app_secret": file("messenger-app-secret", self.messenger.secret),
            "messenger_verify_token": file("messenger-verify", VERIFY),
            "messenger_page_id": self.messenger.page_id,
            "graph_url": f"{self.whatsapp.url}{VERSION}",
            "slack_token": file("slack-token", self.slack.token),
            "slack_signing_secret": file("slack-signing", self.slack.secret),
            "slack_url": self.slack.url,
            "matrix_as_token": file("matrix-as", self.matrix.token),
            "matrix_hs_token": file("matrix-hs", self.matrix.secret),
            "matrix_user": BOT,
            "matrix_url": self.matrix.url,
        }


VERIFY = "a-token-of-ours-for-meta"


@dataclass(slots=True)
class Around:
    """A bed with messengers beside it."""

    bed: Bed
    apis: Doubles

    @property
    def api(self) -> TelegramApi:
        """Telegram's, which most is tried with."""
        return self.apis.telegram

    async def brings(self, update: Any, *, secret: str | None = None) -> httpx.Response:
        """Let Telegram bring an update; `secret` in place of the right one."""
        headers = {"x-telegram-bot-api-secret-token": secret or self.api.secret}
        return await self.bed.http.post(
            f"{self.bed.address}/chat/telegram", json=update, headers=headers
        )

    async def says(self, sender: int, text: str, **more: Any) -> None:
        """Let a student write in Telegram."""
        answer = await self.brings(self.api.update(sender, text, **more))
        assert (answer.status_code, answer.json()) == (200, {})

    async def whatsapp(self, told: dict[str, Any]) -> httpx.Response:
        """Let WhatsApp bring something."""
        body = msgspec.json.encode(told)
        return await self.posts("whatsapp", body, self.apis.whatsapp.signed(body))

    async def messenger(self, told: dict[str, Any]) -> httpx.Response:
        """Let Messenger bring something."""
        body = msgspec.json.encode(told)
        return await self.posts("messenger", body, self.apis.messenger.signed(body))

    async def slack(self, body: bytes, kind: str = "application/json") -> httpx.Response:
        """Let Slack bring something."""
        return await self.posts("slack", body, self.apis.slack.signed(body, kind=kind))

    async def matrix(self, *events: dict[str, Any], name: str = "1") -> httpx.Response:
        """Let a homeserver bring a transaction."""
        return await self.bed.http.put(
            f"{self.bed.address}/_matrix/app/v1/transactions/{name}",
            content=transaction(*events),
            headers={"authorization": f"Bearer {self.apis.matrix.secret}"},
        )

    async def posts(self, where: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Post to a messenger's door."""
        return await self.bed.http.post(
            f"{self.bed.address}/chat/{where}", content=body, headers=headers
        )

    async def code(self, phone: Phone) -> str:
        """Make a code in the app."""
        made = await self.bed.ask(phone, CODE)
        return str(made["createChatLinkCode"]["code"])

    async def linked(self, phone: Phone, sender: int) -> None:
        """Link a student's chat in Telegram."""
        before = len(self.api.received)
        await self.says(sender, await self.code(phone))
        assert (await self.api.wait(before + 1))[-1].text == TEXTS.of(phone.language).linked

    async def links(self, phone: Phone) -> list[dict[str, Any]]:
        """What the app shows."""
        found: list[dict[str, Any]] = (await self.bed.ask(phone, LINKS))["me"]["chatLinks"]
        return found

    async def until_answered(self) -> None:
        """Wait until no message waits for an answer."""

        async def none_left() -> bool:
            found = await self.bed.app.database.fetchval(
                "select count(*) from job where kind like 'chat-%' and dead_at is null"
            )
            return int(found) == 0

        await until(none_left)

    async def kept(self) -> int:
        """How many messages have been taken."""
        return int(await self.bed.app.database.fetchval("select count(*) from chat_message"))


async def next_of(api: MessengerApi, before: int) -> Sent:
    """The first message after so many."""
    return (await api.wait(before + 1, 45))[before]


@asynccontextmanager
async def messengers_around(
    dsn: str, valkey: str, folder: Path, *, apis: Doubles | None = None, **options: Any
) -> AsyncIterator[Around]:
    """Run a bed with all messengers; `apis` are those that were there before."""
    apis = apis or Doubles()
    async with AsyncExitStack() as stack:
        for each in (apis.telegram, apis.whatsapp, apis.messenger, apis.slack, apis.matrix):
            await stack.enter_async_context(running_api(each))
        settings = apis.settings(folder / "secrets")
        bed = await stack.enter_async_context(
            bed_running(dsn, valkey, folder, **settings, **options)
        )
        desk = bed.app.services.desk
        for name, gateway in desk.gateways.items():
            if name == "messenger":  # both are behind one address, the doubles are not
                gateway.calls.base = f"{apis.messenger.url}{VERSION}"
        yield Around(bed, apis)

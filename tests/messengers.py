"""Messengers around a backend: their doubles, and what a student does in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from testbed import Bed, bed_running

from erasmus_app.cli.phones import Phone
from sandbox.messengers.api import running_api
from sandbox.messengers.telegram import TelegramApi

CODE = """mutation CreateChatLinkCode {
  createChatLinkCode {
    __typename
    ... on ChatLinkCodeCreated { code expiresAt }
    ... on ChatLinkCodeTooSoon { againAt }
  }
}"""
LINKS = "query ChatLinks { me { chatLinks { id messenger linkedAt lastUsedOn } } }"


@dataclass(slots=True)
class TelegramAround:
    """A bed with Telegram beside it."""

    bed: Bed
    api: TelegramApi

    async def brings(self, update: Any, *, secret: str | None = None) -> httpx.Response:
        """Let Telegram bring an update; `secret` in place of the right one."""
        headers = {"x-telegram-bot-api-secret-token": secret or self.api.secret}
        return await self.bed.http.post(
            f"{self.bed.address}/chat/telegram", json=update, headers=headers
        )

    async def says(self, sender: int, text: str, **more: Any) -> None:
        """Let a student write."""
        answer = await self.brings(self.api.update(sender, text, **more))
        assert (answer.status_code, answer.json()) == (200, {})

    async def code(self, phone: Phone) -> str:
        made = await self.bed.ask(phone, CODE)
        return str(made["createChatLinkCode"]["code"])

    async def linked(self, phone: Phone, sender: int) -> None:
        """Link a student's chat."""
        before = len(self.api.received)
        await self.says(sender, await self.code(phone))
        assert "linked" in (await self.api.wait(before + 1))[-1].text


def secret_file(folder: Path, name: str, secret: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(secret, encoding="ascii")
    return str(path)


@asynccontextmanager
async def telegram_around(
    dsn: str, valkey: str, folder: Path, *, api: TelegramApi | None = None, **options: Any
) -> AsyncIterator[TelegramAround]:
    """Run a bed that Telegram is configured for; `api` is one that was there before."""
    api = api or TelegramApi()
    async with running_api(api):
        settings = {
            "telegram_token": secret_file(folder / "secrets", "telegram-token", api.token),
            "telegram_secret": secret_file(folder / "secrets", "telegram-secret", api.secret),
            "telegram_url": api.url,
            "telegram_address": "https://t.me/erasmus_play_bot",
        }
        async with bed_running(dsn, valkey, folder, **settings, **options) as bed:
            yield TelegramAround(bed, api)

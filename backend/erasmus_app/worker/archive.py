"""An archive of what is held of a student: `index.html`, `data.json`, and the documents.

It goes out in pieces while it grows, so that its size is nobody's memory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.institutions.ports import InstitutionNames
from erasmus_app.kit.cldr import written_day
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.partners.originals import without_comments
from erasmus_app.privacy.page import Page
from erasmus_app.privacy.words import ArchiveWords, words_in
from erasmus_app.store.held import AREAS, LEFT_OUT, WITHHELD, Area, Held

FORMAT = 1
_PIECE = 64 * 1024  # bytes
_FILE_MODE = 0o600 << 16


Sink = Callable[[bytes], Awaitable[None]]
"""Takes the archive's next piece."""


class _Writable(Protocol):
    def write(self, data: bytes, /) -> Any: ...


@dataclass(slots=True)
class _Pieces:
    """What the zip has written and nobody has taken yet; it cannot be wound back."""

    waiting: bytearray

    def write(self, data: bytes) -> int:
        self.waiting += data
        return len(data)

    def flush(self) -> None:
        """There is nothing behind us."""

    async def pass_on(self, sink: Sink, *, least: int = 1) -> None:
        if len(self.waiting) >= least:
            piece = bytes(self.waiting)
            self.waiting.clear()
            await sink(piece)


@dataclass(frozen=True, kw_only=True, slots=True)
class Archivist:
    """Writes archives in every language that there are words for."""

    words: Mapping[str, ArchiveWords]
    messages: Catalogue
    names: InstitutionNames

    async def write(self, held: Held, language: str, now: datetime, sink: Sink) -> None:
        """Write one.

        Raises:
            DataKeyMissing, SealBroken: a sealed value cannot be opened.
        """
        chosen, words = words_in(self.words, language)
        pieces = _Pieces(bytearray())
        with ZipFile(pieces, "w", ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
            with archive.open(_entry("index.html", now), "w") as file:
                await self._page(held, self._page_of(chosen, words), now, file, pieces, sink)
            with archive.open(_entry("data.json", now), "w") as file:
                await self._data(held, chosen, words, now, file, pieces, sink)
            async for name, api, xml in held.documents():
                entry = _entry(name, now)
                # Megabytes of a transcript must not hold up what else the process does.
                await asyncio.to_thread(archive.writestr, entry, without_comments(api, xml))
                await pieces.pass_on(sink)
        await pieces.pass_on(sink)

    def _page_of(self, language: str, words: ArchiveWords) -> Page:
        return Page(
            language=language,
            words=words,
            name_of=lambda hei: self.names.name(HeiId(hei), language),
            day=lambda value: written_day(value, language),
        )

    async def _page(
        self, held: Held, page: Page, now: datetime, file: _Writable, pieces: _Pieces, sink: Sink
    ) -> None:
        areas = {each.table: each for each in AREAS}
        file.write(page.begin(now).encode())
        for table in page.words.sections:
            file.write(page.section(table).encode())
            rows = 0
            async for row in held.rows(areas[table]):
                rows += 1
                shown = msgspec.to_builtins(self._in_words(areas[table], row, page.language))
                file.write(page.entry(shown).encode())
                await pieces.pass_on(sink, least=_PIECE)
            file.write(page.section_end(rows).encode())
        file.write(page.end().encode())
        await pieces.pass_on(sink)

    async def _data(
        self,
        held: Held,
        language: str,
        words: ArchiveWords,
        now: datetime,
        file: _Writable,
        pieces: _Pieces,
        sink: Sink,
    ) -> None:
        head = {
            "format": FORMAT,
            "made_at": now,
            "language": language,
            "purposes": words.purposes,
            "recipients": words.recipients,
            "left_out": words.left_out,
        }
        file.write(msgspec.json.encode(head)[:-1] + b',"areas":{')
        for number, area in enumerate(AREAS):
            name = msgspec.json.encode(area.table)
            file.write((b"," if number else b"") + name + b":[")
            first = True
            async for row in held.rows(area):
                shown = self._in_words(area, row, language)
                file.write((b"" if first else b",") + msgspec.json.encode(shown))
                first = False
                await pieces.pass_on(sink, least=_PIECE)
            file.write(b"]")
        file.write(b"}}\n")
        await pieces.pass_on(sink)

    def _in_words(self, area: Area, row: dict[str, Any], language: str) -> dict[str, Any]:
        """Add what a message says, which is written when it is read."""
        if area.table != "inbox_entry":
            return row
        try:
            text = self.messages.render(
                row["kind"],
                language,
                row["arguments"],
                lambda hei, reader: self.names.name(HeiId(hei), reader),
            )
        except KeyError:  # of a kind, or with arguments, that this version does not write any more
            return row
        return row | {"title": text.title, "body": text.body}


def reasons() -> frozenset[str]:
    """Return which reasons for leaving something out the words must have."""
    return frozenset(LEFT_OUT.values()) | frozenset(WITHHELD)


def _entry(name: str, now: datetime) -> ZipInfo:
    entry = ZipInfo(name, now.timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = _FILE_MODE
    return entry

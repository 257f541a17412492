"""Files that a host serves: what another API named by a file's id (guide §4.10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ewp.errors import RequestRefused
from ewp.host_calls import GET, Call, Endpoint, is_id
from ewp.ids import HeiId
from ewp.manifest import Offer
from ewp.messages import file
from ewp.messages.file import File


class UnknownFile(RequestRefused):
    """A file that is not there, or not for this caller: the answer is the same."""

    code = "unknown_file"
    status = 404


class FilesProvider(Protocol):
    """The files that an HEI's other APIs name."""

    async def file(self, callers: frozenset[HeiId], file_id: str) -> File | None:
        """Return the file; None: there is none, or these callers did not get its id from us."""


@dataclass(frozen=True, slots=True)
class FileService:
    """File 1: the bytes themselves, with their own type, signed like all answers."""

    provider: FilesProvider
    api: str = "file"
    major: int = 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET only."""
        return {"": Endpoint(GET, self._get)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        return Offer(
            api=self.api, version="1.0.0", major=1, children=(("url", f"{base}/{self.api}/1"),)
        )

    async def _get(self, call: Call) -> File:
        file_id = call.needed("file_id")
        found = await self.provider.file(call.callers, file_id) if is_id(file_id) else None
        if found is None:
            raise UnknownFile("file_id: no such file for you")
        # A type that is no media type, or would be two headers, is no type.
        if file.is_media_type(found.media_type):
            return found
        return msgspec.structs.replace(found, media_type=file.UNKNOWN)

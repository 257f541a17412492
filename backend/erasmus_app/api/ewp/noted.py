"""Partners' reads of students' objects, noted for the student before the answer goes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from erasmus_app.kit.clock import Clock
from erasmus_app.privacy.access import Served
from erasmus_app.privacy.ports import AccessLog
from ewp.apis import hei_parameter
from ewp.host_calls import Call, Endpoint
from ewp.host_services import Service
from ewp.manifest import Offer
from ewp.messages.file import File

OF_STUDENTS = ("omobilities", "omobility-las", "imobilities", "imobility-tors")
_MOST = 1000  # ids: the service itself refuses more than it allows, long before


@dataclass(frozen=True, slots=True)
class NotedService:
    """A service whose `get` leaves a row with each student of whom it shows something."""

    inner: Service
    log: AccessLog
    clock: Clock

    @property
    def api(self) -> str:
        """As of the service."""
        return self.inner.api

    @property
    def major(self) -> int:
        """As of the service."""
        return self.inner.major

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Those of the service; `get` with a note."""
        found = dict(self.inner.endpoints)
        get = found["get"]

        async def noted(call: Call) -> bytes | File:
            answer = await get.handle(call)
            if call.callers and self._is_addressed(call):
                await self.log.note_served(self._served(call), self.clock())
            return answer

        return found | {"get": replace(get, handle=noted)}

    def offer(self, base: str) -> Offer:
        """As of the service."""
        return self.inner.offer(base)

    def _is_addressed(self, call: Call) -> bool:
        """Whether the older parameter names this HEI; transcripts of another are no error."""
        name = hei_parameter(self.inner.api, self.inner.major)
        return name is None or call.needed(name).lower() == call.hei_id

    def _served(self, call: Call) -> Served:
        older = self.inner.api == "imobilities" and self.inner.major >= 2  # shown as version 2 too
        return Served(
            tenant=call.hei_id,
            callers=call.callers,
            api=self.inner.api,
            majors=(1, 2) if older else (self.inner.major,),
            ids=tuple(call.omobility_ids(_MOST)),
        )


def noting(log: AccessLog, clock: Clock) -> Callable[[Service], Service]:
    """Return what puts the note around those services that show students' objects."""
    return lambda each: NotedService(each, log, clock) if each.api in OF_STUDENTS else each

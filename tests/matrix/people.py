"""Who asks in the matrix, and what is held of whom: each student has marks of their own everywhere.

A mark in an answer says whose data it is. What the offices write has marks that nobody may see.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from fed import OF_RIBEIRA, OUTONO, RIBEIRA, TOKEN, outono

from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId, HeiId, global_id
from sandbox.world import World

NOW = datetime.now(UTC)
HIDDEN = "OFFICES-ONLY"
"""In all that offices write to each other, and in names that partners sent."""


@dataclass(eq=False)
class Person:
    """Somebody who asks; a student is somebody asked about as well."""

    key: str
    home: HeiId | None = None
    affiliation: str | None = None  # of the role, `student` or `staff`
    is_student: bool = False
    coordinates: HeiId | None = None
    is_administrator: bool = False
    account: AccountId | None = None
    token: str = ""
    session: Session | None = None
    marks: dict[str, str] = field(default_factory=dict)  # by what each is
    ids: dict[str, list[str]] = field(default_factory=dict)  # by what they are of

    def given(self, kind: str) -> list[str]:
        """What names something of theirs: an id, or their HEI, which is others' as well."""
        if kind == "home":
            return [str(self.home)]
        return [global_id(TYPES[kind], UUID(each)) for each in self.ids.get(kind, [])]

    @property
    def subject(self) -> str:
        """The login's name; by it the file of HEIs and the settings name who has a role."""
        return f"{hashlib.sha256(self.key.encode()).hexdigest()[:32]}@myacademicid.org"

    @property
    def mark(self) -> str:
        """In every text of theirs."""
        return f"MARK-{self.key}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"

    def day(self, month: int) -> date:
        """A day of their own in that month."""
        return date(2027, month, 10 + int(self.key[-1]))

    def moment(self, hours: int) -> datetime:
        """A moment of their own."""
        return (NOW - timedelta(hours=hours)).replace(microsecond=123450 + int(self.key[-1]))

    def everything(self) -> Iterator[str]:
        """All that tells that something is theirs."""
        yield self.mark
        yield str(self.account)
        yield global_id("Student", self.account)
        for kind, found in self.ids.items():
            yield from found
            yield from (global_id(TYPES[kind], UUID(each)) for each in found)
        if self.is_student:
            yield from (self.day(month).isoformat() for month in (2, 3, 7))
            yield f".{123450 + int(self.key[-1])}"


TYPES = {  # of what a person's ids are, in the schema's words
    "session": "SignedIn",
    "question": "UnansweredQuestion",
    "asking": "SignedIn",
    "device": "Device",
    "calendar": "CalendarFeed",
    "chat": "ChatLink",
    "message": "Message",
    "first message": "Message",
    "erasure": "Erasure",
    "app": "ConnectedApp",
    "identity": "LoginIdentity",
    "link": "LinkedLogin",
    "waiting link": "LinkedLogin",
    "claim": "MobilityClaim",
    "granted claim": "MobilityClaim",
    "export": "Export",
    "mobility": "Mobility",
    "look": "AccessEntry",
    "rule": "DeadlineRule",
}


def cast() -> list[Person]:
    """Everybody: three students, of whom two are at one HEI, and who asks beside them."""
    return [
        Person("student1", RIBEIRA, "student", is_student=True),
        Person("student2", RIBEIRA, "student", is_student=True),
        Person("student3", OUTONO, "student", is_student=True),
        Person("coordinator of that HEI", RIBEIRA, "staff", coordinates=RIBEIRA),
        Person("coordinator of another HEI", OUTONO, "staff", coordinates=OUTONO),
        Person("administrator", RIBEIRA, "staff", is_administrator=True),
        Person("guest"),
    ]


SYSTEMS = {RIBEIRA: OF_RIBEIRA, OUTONO: TOKEN}
"""The tokens of the two HEIs' own systems."""


def let_in(world: World, people: list[Person]) -> None:
    """Have the backend cover both HEIs, and name who coordinates for them."""
    outono(world)
    path = Path(world.environment["ERASMUS_APP_EWP_HEIS"])
    text = path.read_text(encoding="utf-8")
    for each in people:
        if each.coordinates:
            hei = f'id = "{each.coordinates}"\n'
            text = text.replace(hei, f'{hei}coordinators = ["{each.subject}"]\n')
    path.write_text(text, encoding="utf-8")


def administrators(people: list[Person]) -> str:
    """The setting that names them."""
    return ",".join(each.subject for each in people if each.is_administrator)


def nobodys_id(kind: str) -> str:
    """An id that nothing has."""
    return global_id(TYPES.get(kind, "Mobility"), uuid4())

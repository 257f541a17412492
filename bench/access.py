"""`make bench-access`: what the rules of access cost the home screen's query.

How it is measured, and how to read it: `bench/README.md`.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

from measuring import side_by_side

from erasmus_app.api.schema import GuardedSchema, make_schema, schema
from erasmus_app.api.schema.access import Access
from erasmus_app.identity.models import Account, Session
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId, HeiId, InboxEntryId, MobilityId, OmobilityId, PersonId
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.notifications.models import InboxEntry, Text

HOME = Path(__file__).parents[1] / "graphql" / "operations" / "home.graphql"
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
ME = AccountId(UUID(int=1))
MOST = 1.1
"""How many times as long the query may take with the checks."""


class Unchecked(GuardedSchema):
    """Ours without the checks."""

    def guarded(self) -> Access:
        return schema.access


@dataclass
class Asker:
    """One student with two mobilities and three messages."""

    services: Any
    session: Session
    language: str
    today: date

    async def standing(self) -> Standing:
        return Standing(account_id=ME)


def asker() -> Asker:
    home, abroad = HeiId("ribeira.example"), HeiId("lindental.example")
    account = Account(
        account_id=ME,
        language="en",
        zone="Europe/Lisbon",
        display_name="Inês",
        home_hei_ids=(home,),
        affiliations=(),
        has_esi=True,
    )
    mobilities = [
        StoredMobility(
            mobility_id=MobilityId(UUID(int=n)),
            person_id=PersonId(UUID(int=9)),
            version=1,
            changed_at=AT,
            account_id=ME,
            mobility=Mobility(
                tenant=home,
                sending_hei_id=home,
                receiving_hei_id=abroad,
                omobility_id=OmobilityId(f"om-{n}"),
            ),
        )
        for n in range(2)
    ]
    entries = [
        InboxEntry(
            account_id=ME,
            entry_id=InboxEntryId(UUID(int=n)),
            mobility_id=None,
            kind="nominated",
            arguments={},
            created_at=AT,
            read_at=None,
        )
        for n in range(3)
    ]
    services = SimpleNamespace(
        login=SimpleNamespace(account=_returning(account)),
        records=SimpleNamespace(mobilities_of=_returning(mobilities)),
        names=SimpleNamespace(name=lambda hei, _language: hei),
        inbox=SimpleNamespace(
            unread=_returning(3),
            entries=_returning(entries),
            text=lambda _entry, language: Text(language=language, title="A title", body="A body"),
        ),
    )
    session = Session(account_id=ME, session_id=UUID(int=2), expires_at=AT)
    return Asker(services, session, "en", AT.date())


def _returning(value: Any) -> Any:
    async def verb(*_: Any, **__: Any) -> Any:
        return value

    return verb


def main() -> None:
    query, context = HOME.read_text(encoding="utf-8"), asker()
    loop = asyncio.new_event_loop()

    def ask(made: GuardedSchema) -> None:
        result = loop.run_until_complete(made.execute(query, context_value=context))
        assert result.errors is None

    kinds = {"with the checks": make_schema(), "without": make_schema(Unchecked)}
    times = side_by_side({name: (lambda made=made: ask(made)) for name, made in kinds.items()})
    loop.close()
    for name, timing in times.items():
        print(f"{name:<16} {timing.cpu * 1e3:.3f} ms")
    ratio = times["with the checks"].cpu / times["without"].cpu
    print(f"ratio {ratio:.3f}; the aim is at most {MOST}: {'met' if ratio <= MOST else 'missed'}")


if __name__ == "__main__":
    main()

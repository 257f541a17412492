"""One student's first screen, all that it reads in memory: for `access.py` and `graphql.py`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from erasmus_app.api.context import Context
from erasmus_app.glance import Glance, Wanted
from erasmus_app.identity.models import Account, Session
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId, HeiId, InboxEntryId, MobilityId, OmobilityId, PersonId
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.notifications.models import InboxEntry, Text

HOME = Path(__file__).parents[1] / "graphql" / "operations" / "home.graphql"
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
ME = AccountId(UUID(int=1))
SENDING, RECEIVING = HeiId("ribeira.example"), HeiId("lindental.example")


def context(mobilities: list[Mobility] | None = None) -> Context:
    """A student with two mobilities and three messages who asks."""
    account = Account(
        account_id=ME,
        language="en",
        zone="Europe/Lisbon",
        display_name="Inês",
        home_hei_ids=(SENDING,),
        affiliations=(),
        has_esi=True,
    )
    mobilities = mobilities or [
        Mobility(
            tenant=SENDING,
            sending_hei_id=SENDING,
            receiving_hei_id=RECEIVING,
            omobility_id=OmobilityId(f"om-{n}"),
        )
        for n in range(2)
    ]
    glance = Glance(
        account=account,
        identities=[],
        mobilities=[
            StoredMobility(
                mobility_id=MobilityId(UUID(int=n)),
                person_id=PersonId(UUID(int=9)),
                version=1,
                changed_at=AT,
                account_id=ME,
                mobility=each,
            )
            for n, each in enumerate(mobilities)
        ],
        unread=3,
        inbox=[
            InboxEntry(
                account_id=ME,
                entry_id=InboxEntryId(UUID(int=n)),
                mobility_id=None,
                kind="nominated",
                arguments={},
                created_at=AT - timedelta(hours=n),
                read_at=None,
                place=n,
            )
            for n in range(3)
        ],
    )
    services: Any = SimpleNamespace(
        glances=SimpleNamespace(glance=_returning(glance)),
        standings=SimpleNamespace(by=lambda *_: Standing(account_id=ME)),
        names=SimpleNamespace(name=lambda hei, _language: hei),
        inbox=SimpleNamespace(
            text=lambda _entry, language: Text(language=language, title="A title", body="A body"),
        ),
    )
    session = Session(account_id=ME, session_id=UUID(int=2), expires_at=AT)
    return Context(
        services=services,
        session=session,
        language="en",
        today=AT.date(),
        wanted=Wanted(mobilities=True, unread=True, inbox=4),
    )


def _returning(value: Any) -> Any:
    async def verb(*_: Any, **__: Any) -> Any:
        return value

    return verb

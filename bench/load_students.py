"""Students for `load.py`: each has a mobility, a phone, and has opened the app before."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from joserfc.jwk import ECKey
from morning import sender_of

from erasmus_app.glance import Wanted
from erasmus_app.identity.claims import Identity
from erasmus_app.identity.models import SESSION_LIFETIME, Session
from erasmus_app.ids import EuropeanStudentId, global_id
from erasmus_app.notifications.models import Preferences
from erasmus_app.oidc.tokens import SignedTokens
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.glances import GlanceTable
from erasmus_app.store.preferences import PLACE
from erasmus_app.students.models import Platform, TargetKind

AT_ONCE = 8
FIRST_SCREEN = Wanted(mobilities=True, unread=True, inbox=3)


class Student(msgspec.Struct, kw_only=True):
    """What an app keeps of its student."""

    target: str  # the phone, as FCM knows it
    device: str  # and as we do
    token: str
    refresh: str


def target_of(number: int) -> str:
    """Return the phone of the student of the mobility with this number."""
    return f"phone-{number:06}"


def number_of(target: str) -> int:
    """Return the mobility whose student has that phone."""
    return int(target.rpartition("-")[2])


async def signed_in(
    database: Database,
    session_key: Path,
    public_url: str,
    numbers: Sequence[int],
    partners: int,
    lasts: timedelta = timedelta(hours=1),
) -> list[Student]:
    """Let the student of each of these mobilities sign in, and open the app once.

    The access tokens are as if issued when `lasts` is over: they are good until then.
    """
    tokens = SignedTokens((ECKey.import_key(session_key.read_bytes()),), public_url)
    accounts, devices, glances = (
        AccountTable(database),
        DeviceTable(database),
        GlanceTable(database),
    )
    now = datetime.now(UTC)
    awake = msgspec.json.encode(Preferences(quiet=None))  # pushes come at any hour
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Student:
        async with room:
            home = sender_of(number, partners)
            account = await accounts.signed_in(identity_of(number, home), "en")
            refresh = secrets.token_urlsafe(32)
            session = await accounts.open_session(
                account, "app", hashlib.sha256(refresh.encode()).digest(), now + SESSION_LIFETIME
            )
            device = await devices.register(
                account, Platform.ANDROID, TargetKind.FID, target_of(number), None, session
            )
            await database.execute(
                "insert into preference (account_id, content) values ($1, $2)",
                account,
                database.vault.seal(awake, PLACE, account),
            )
            await glances.glance(account, FIRST_SCREEN, now.date())
            opened = Session(
                account_id=account, session_id=session, expires_at=now + SESSION_LIFETIME
            )
            return Student(
                target=target_of(number),
                device=global_id("Device", device.device_id),
                token=tokens.issue(opened, now + lasts),
                refresh=refresh,
            )

    return await asyncio.gather(*(one(each) for each in numbers))


def identity_of(number: int, home: str) -> Identity:
    """Return what a login says of the student of that mobility, whose home that is."""
    return Identity(
        issuer="https://login.example",
        subject=f"s{number}",
        display_name="Sasha Testperson",
        email=f"s{number}@mail.example",
        home_hei_ids=(),
        affiliations=(),
        esis=(EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{home}:{number}"),),
        missing=(),
    )

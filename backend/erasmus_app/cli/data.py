"""`erasmus-app data`: what is kept for how long."""

import argparse

import msgspec

from erasmus_app.cli.student import opened
from erasmus_app.kit.clock import utc_now
from erasmus_app.privacy.retention import Keeping
from erasmus_app.settings import Settings
from erasmus_app.store.retention import RetentionTable


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """Delete what is over, or count it; print how much that is, by class of data."""
    async with opened(settings) as database:
        table = RetentionTable(database, Keeping.of(settings))
        if given.dry_run:
            found = {"would_delete": await table.count(utc_now())}
        else:
            found = {"deleted": await table.delete(utc_now())}
    print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    return 0

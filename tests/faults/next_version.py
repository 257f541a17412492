"""The upgrade to a version that does not exist yet, beside processes of this one.

    python -m faults.next_version DSN

It adds to tables that everybody reads and writes, and waits for none of them for long.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from erasmus_app.store.versions import MIGRATIONS, standing, upgrade

REVISION = """'''Columns that nobody reads yet.'''

from alembic import op

revision = "{revision}"
down_revision = "{head}"


def upgrade():
    op.execute("set local lock_timeout = '2s'")
    op.execute("create table of_the_next_version (account_id uuid primary key)")
    for table in ("account", "device", "preference", "inbox_entry", "delivery", "job"):
        op.execute(f"alter table {{table}} add column next_version text")
"""


async def main(dsn: str) -> None:
    head = (await standing(dsn)).wanted
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        text = REVISION.format(revision="next", head=head)
        (folder / "versions" / "next.py").write_text(text, encoding="utf-8")
        await upgrade(dsn, scripts=folder)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

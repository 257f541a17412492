"""What `make bench-graphql` measures: its students' screens, by ours as by the reference."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from testbed import Bed

from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId

ROOT = Path(__file__).parents[2]
HOME = (ROOT / "graphql" / "operations" / "home.graphql").read_text(encoding="utf-8")


@pytest.mark.parametrize(("mobilities", "leaves"), [(5, 88), (0, 18)])
async def test_the_screen_that_is_measured_has_the_same_bytes_by_the_reference(
    bed: Bed, dsn: str, monkeypatch: pytest.MonkeyPatch, mobilities: int, leaves: int
):
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "bench")])
    import home_reference
    import home_students

    services = bed.app.services
    assert services.login is not None
    connection = await asyncpg.connect(dsn)
    vault = bed.app.database.vault
    await home_students.fill(connection, vault, range(3), mobilities=mobilities)
    await home_students.leave(connection, vault, range(2))
    await connection.close()
    plain = home_reference.Plain(services)
    for number in range(3):
        account, now = home_students.account_of(number), services.clock()
        session = Session(
            account_id=AccountId(account), session_id=uuid4(), expires_at=now + timedelta(hours=1)
        )
        answer = await bed.http.post(
            f"{bed.address}/graphql",
            content=json.dumps({"query": HOME}),
            headers={
                "content-type": "application/json",
                "authorization": f"Bearer {services.login.tokens.issue(session, now)}",
            },
        )
        data = await plain.data(account, HOME)

        assert answer.content == msgspec.json.encode({"data": data})
        assert home_reference.leaves(data) == leaves
        assert data["me"]["displayName"] == f"Inês {number}"
    assert await bed.app.database.fetchval("select count(*) from account") == 5

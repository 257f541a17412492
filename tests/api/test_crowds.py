"""More than a process can do at once: who waits in vain is told when to come again."""

from pathlib import Path
from typing import Any

import fed
import httpx
import pytest
from lxml import etree
from testbed import Bed, bed_running

from erasmus_app.limits.places import LATEST, SOONEST, Places

READ = {"query": "{ me { displayName } }"}
LINK = {"query": 'mutation { beginLinking(provider: "myacademicid") { url } }'}


def counted(metrics: httpx.Response) -> dict[str, str]:
    lines = [each for each in metrics.text.splitlines() if "limits_refused_total{" in each]
    return {each.split('"')[1]: each.rpartition(" ")[2] for each in lines}


async def notified(bed: Bed) -> httpx.Response:
    path = f"/ewp/{fed.OUTONO}/imobility-tor-cnr/1"
    body = b"omobility_id=x"
    headers = fed.signed(bed, path, body)
    return await bed.http.post(f"{bed.address}{path}", headers=headers, content=body)


async def test_apps_and_partners_hear_when_to_come_again_and_nothing_was_done(
    dsn: str, valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    all_places: list[Places] = []

    def places(**given: Any) -> Places:
        all_places.append(Places(**given | {"patience": 0.02}))
        return all_places[-1]

    monkeypatch.setattr("erasmus_app.api.endpoint.Places", places)
    monkeypatch.setattr("erasmus_app.bootstrap.limiting.Places", places)
    count = "select (select count(*) from job where kind = 'refresh') + count(*) from refusal"
    async with bed_running(
        dsn, valkey, tmp_path, before=2, worker=False, prepare=fed.outono
    ) as bed:
        for each in all_places:
            each.most = 0
        before = await bed.app.database.fetchval(count)
        phone = await bed.signed_in("ines")
        headers = {"authorization": f"Bearer {phone.token}"}

        async def asked(body: dict[str, Any]) -> httpx.Response:
            return await bed.http.post(f"{bed.address}/graphql", json=body, headers=headers)

        read, told = await asked(READ), await notified(bed)
        link = await asked(LINK)
        metrics = await bed.http.get(f"{bed.address}/metrics")
        done = await bed.app.database.fetchval(count)

    after = int(read.headers["retry-after"])
    assert (read.status_code, SOONEST <= after <= LATEST) == (503, True)
    assert read.json() == {
        "errors": [
            {
                "message": f"Too many are asking just now: please come back in {after} s.",
                "extensions": {
                    "code": "busy",
                    "retryAfter": after,
                    "request_id": read.headers["x-request-id"],
                },
            }
        ]
    }
    after = int(told.headers["retry-after"])
    assert (told.status_code, SOONEST <= after <= LATEST) == (503, True)
    assert "signature" not in told.headers  # it would cost more than what was asked for
    assert etree.fromstring(told.content)[0].text == (
        f"too many are asking just now; please come back in {after} s"
    )
    assert done == before
    # What waits for a login provider would keep others from their places, and takes none.
    assert link.status_code == 200, link.text
    assert counted(metrics) == {"busy_graphql": "1.0", "busy_ewp": "1.0"}

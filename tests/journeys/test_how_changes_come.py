"""How an HEI's changes reach us is its own choice, per API (guide §6.2)."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
from testbed import Bed, bed_running

from ewp.ids import HeiId
from ewp.signing import sign_request

RIBEIRA, CLAIRVAL = HeiId("ribeira.example"), HeiId("clairval.example")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def forwarded(bed: Bed, by: HeiId, **form: str) -> httpx.Response:
    """What another provider sends on to us, with a key that speaks for `by`."""
    url = f"{bed.app.services.settings.public_url}/ewp/{RIBEIRA}/omobility-cnr/2"
    body = urlencode(form).encode()
    headers = sign_request(
        bed.world.network.keys[by],
        method="POST",
        url=url,
        headers=FORM,
        body=body,
        now=datetime.now(UTC),
    )
    return await bed.world.network.http.post(url, headers=headers, content=body)


async def jobs(bed: Bed) -> int:
    found = await bed.app.database.fetchval("select count(*) from job where kind = 'refresh'")
    return int(found)


async def test_what_another_provider_sends_on_is_served_and_not_declared(dsn, valkey, tmp_path):
    modes = {"omobility-cnr": "forwarded"}
    async with bed_running(dsn, valkey, tmp_path, modes=modes) as bed:
        listed = bed.world.network.known().majors(RIBEIRA, "omobility-cnr")
        assert listed == frozenset()
        phone = await bed.phone("camille")
        steps = await bed.take(3)
        assert steps[-1].lines[-1] == "Ribeira University has no omobility-cnr: nobody tells it"

        answer = await forwarded(
            bed, RIBEIRA, sending_hei_id=CLAIRVAL, omobility_id="CLV/27/E77120"
        )
        assert answer.status_code == 200
        assert await bed.kinds(phone, 1) == ["nominated"]


async def test_what_is_sent_on_names_whose_change_it_is(dsn, valkey, tmp_path):
    modes = {"omobility-cnr": "forwarded"}
    async with bed_running(dsn, valkey, tmp_path, modes=modes, worker=False) as bed:
        nameless = await forwarded(bed, RIBEIRA, omobility_id="CLV/27/E77120")
        assert (nameless.status_code, "sending_hei_id" in nameless.text) == (400, True)

        # A partner who comes by itself speaks for itself, as everywhere.
        itself = await forwarded(bed, CLAIRVAL, omobility_id="CLV/27/E77120")
        assert (itself.status_code, await jobs(bed)) == (200, 1)


async def test_a_key_of_the_hei_s_own_speaks_for_nobody_else_where_we_own_the_endpoint(bed: Bed):
    answer = await forwarded(bed, RIBEIRA, sending_hei_id=CLAIRVAL, omobility_id="CLV/27/E77120")

    await bed.until_idle()
    assert answer.status_code == 200
    assert await bed.app.database.fetchval("select count(*) from mobility") == 0


async def test_an_api_that_is_off_is_asked_of_nobody(dsn, valkey, tmp_path):
    modes = {"omobility-cnr": "off", "imobility-cnr": "off"}
    async with bed_running(dsn, valkey, tmp_path, worker=False, modes=modes) as bed:
        async with bed.working():
            await bed.until_planned(2)
        polled = await bed.app.database.fetch("select distinct payload->>'api' from job")

    assert {row[0] for row in polled} == {None, "omobility-las", "imobility-tors"}

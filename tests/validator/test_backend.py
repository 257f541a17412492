"""The backend's own EWP host passes every step, through the proxy in front of it and over https."""

from pathlib import Path

import pytest
import pytest_asyncio
from databases import fresh_database
from testbed import bed_running
from validator import entries
from validator.sandboxed import stranger
from validator.site import Caller, Keys, Known
from validator.steps import by_entry, not_as_expected, plan, site_of

from erasmus_app.api.ewp.hosted import MAJORS
from ewp.host_echo import EchoService
from ewp.host_services import CnrService
from sandbox.cast import CLAIRVAL, LINDENTAL, RIBEIRA
from sandbox.network import kept_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Everybody here signs calls and answers with one key: there is none for answers alone.
NOT_LOOKED_AT = {f"echo-2/url/{method}/key-of-a-server" for method in ("GET", "POST")}


def declared():
    """What the backend will declare, before it runs."""
    yield entries.Entry("discovery", 6, urls={"url": ""})
    received = (CnrService(api, major, None) for api, majors in MAJORS.items() for major in majors)
    for each in (EchoService(), *received):
        stats = {"stats-url": ""} if each.api == "omobility-la-cnr" else {}
        yield entries.Entry(each.api, each.major, urls={"url": "", **stats})


STEPS = plan(declared())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(database_server, valkey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("backend")
    async with (
        fresh_database(database_server) as dsn,
        bed_running(dsn, valkey, folder, worker=False) as bed,
    ):
        network = bed.world.network
        partner, other = [
            Caller(each.hei_id, stranger(network.keys[each.hei_id]))
            for each in (LINDENTAL, CLAIRVAL)
        ]
        heis = Path(bed.world.environment["ERASMUS_APP_EWP_HEIS"])
        key = kept_key(heis.parent / "keys" / "backend.pem")
        keys = Keys(partner, other, Caller(RIBEIRA.hei_id, stranger(key)))
        yield await site_of(network.backend_manifest, keys, Known(), network.http)


@pytest.mark.parametrize("entry", by_entry(STEPS))
async def test_every_step_is_a_success(site, entry):
    assert await not_as_expected(site, by_entry(STEPS)[entry], NOT_LOOKED_AT) == {}


async def test_no_step_is_missing(site):
    found = [each.id for each in plan(site.manifest.entries)]

    assert sorted(found) == sorted(each.id for each in STEPS)

"""What the backend serves for an HEI without a system of its own passes every step."""

import pytest
import pytest_asyncio
from databases import fresh_database
from fed import OUTONO, OWN, RIBEIRA, outono
from testbed import bed_running
from validator import entries
from validator.sandboxed_fed import fed
from validator.steps import by_entry, not_as_expected, plan, site_of

from erasmus_app.api.ewp.hosted import hosted_heis
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.settings import Settings
from ewp.keys import PrivateKey
from ewp.manifest import write_manifest

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Everybody here signs calls and answers with one key: there is none for answers alone.
NOT_LOOKED_AT = {f"echo-2/url/{method}/key-of-a-server" for method in ("GET", "POST")}


def declared():
    """What the backend will declare for it, before it runs."""
    key = PrivateKey.generate()
    hei = CoveredHei(
        id=OUTONO,
        name={"en": "Outono"},
        client_key="",
        admin_emails=("ewp@outono.example",),
        api=dict.fromkeys(OWN, ApiMode.OWN),
    )
    keys = {OUTONO: key}
    hosted = hosted_heis(
        Settings(public_url="https://localhost"), {OUTONO: hei}, keys, keys, None, None, None
    )
    return entries.read("", write_manifest(hosted[OUTONO].manifest())).entries


STEPS = plan(declared())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(database_server, valkey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own-store")
    async with (
        fresh_database(database_server) as dsn,
        bed_running(dsn, valkey, folder, prepare=outono, worker=False) as bed,
    ):
        keys, known = await fed(bed, folder)
        network = bed.world.network
        manifest = network.backend_manifest.replace(RIBEIRA, OUTONO)
        yield await site_of(manifest, keys, known, network.http)


@pytest.mark.parametrize("entry", by_entry(STEPS))
async def test_every_step_is_a_success(site, entry):
    assert await not_as_expected(site, by_entry(STEPS)[entry], NOT_LOOKED_AT) == {}


async def test_no_step_is_missing(site):
    found = [each.id for each in plan(site.manifest.entries)]

    assert sorted(found) == sorted(each.id for each in STEPS)

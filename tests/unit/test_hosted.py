"""What the backend serves for each HEI that it covers."""

from pathlib import Path

import pytest

from erasmus_app.api.ewp.hosted import hosted_heis
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.settings import Settings
from ewp.keys import PrivateKey
from ewp.manifest import read_manifest, write_manifest

HEI = HeiId("ribeira.example")
CNRS = ("omobility-cnr", "omobility-la-cnr", "imobility-cnr", "imobility-tor-cnr")


class _NoJobs:
    async def write(self, *_: object, **__: object) -> None:
        raise AssertionError("nobody notifies here")


@pytest.mark.parametrize("most", [1, 20, 50])
def test_a_manifest_says_how_many_ids_the_operator_allows(most: int):
    covered = CoveredHei(
        id=HEI,
        name={"en": "Ribeira University"},
        client_key=Path("client.pem"),
        admin_emails=("ewp@ribeira.example",),
        api=dict.fromkeys(CNRS, ApiMode.OWN),
    )
    key = PrivateKey.generate()
    settings = Settings(public_url="https://app.example", ewp_max_ids=most)

    [hosted] = hosted_heis(settings, {HEI: covered}, {HEI: key}, {HEI: key}, _NoJobs()).values()

    entries = read_manifest(write_manifest(hosted.manifest())).hosts[0].entries
    assert {each.api: each.limits for each in entries} == {
        "discovery": {},
        "echo": {},
    } | {api: {"max-omobility-ids": most} for api in CNRS}

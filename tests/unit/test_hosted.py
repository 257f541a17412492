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


class _Nobody:
    async def write(self, *_: object, **__: object) -> None:
        raise AssertionError("nobody notifies here")

    async def decide(self, *_: object) -> None:
        raise AssertionError("nobody decides here")

    @property
    def store(self) -> object:
        raise AssertionError("nobody reads here")


def _made(settings: Settings, covered: CoveredHei, key: PrivateKey):
    keys, nobody = {HEI: key}, _Nobody()
    return hosted_heis(settings, {HEI: covered}, keys, keys, nobody, nobody, nobody).values()


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

    [hosted] = _made(settings, covered, key)

    entries = read_manifest(write_manifest(hosted.manifest())).hosts[0].entries
    assert {each.api: each.limits for each in entries} == {
        "discovery": {},
        "echo": {},
    } | {api: {"max-omobility-ids": most} for api in CNRS}


def test_data_that_are_our_own_are_declared_in_every_version_that_is_served():
    data = ("omobilities", "omobility-las", "imobilities", "imobility-tors", "factsheet")
    covered = CoveredHei(
        id=HEI,
        name={"en": "Ribeira University"},
        client_key=Path("client.pem"),
        admin_emails=("ewp@ribeira.example",),
        api=dict.fromkeys(data, ApiMode.OWN) | {"institutions": ApiMode.OFF},
    )
    settings = Settings(public_url="https://app.example", ewp_max_ids=7)

    [hosted] = _made(settings, covered, PrivateKey.generate())

    entries = read_manifest(write_manifest(hosted.manifest())).hosts[0].entries
    assert {(each.api, each.major): each.limits.get("max-omobility-ids") for each in entries} == {
        ("discovery", 6): None,
        ("echo", 2): None,
        ("omobilities", 2): 7,
        ("omobilities", 3): 7,
        ("omobility-stats", 1): None,
        ("omobility-las", 1): 7,
        ("imobilities", 1): 7,
        ("imobilities", 2): 7,
        ("imobility-tors", 2): 5,  # with their PDFs they have megabytes
        ("imobility-tors", 3): 5,
        ("imobility-tor-stats", 1): None,
        ("factsheet", 1): None,
    }

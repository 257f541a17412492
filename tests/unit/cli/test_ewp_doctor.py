"""What the doctor says of keys and settings, where the sandbox is too well to show it."""

from pathlib import Path

from msgspec.structs import replace

from erasmus_app.cli.ewp_doctor import change_notices, families, own_system, read_keys
from erasmus_app.cli.ewp_findings import Level
from erasmus_app.cli.ewp_tools import one_line, opened
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.settings import Settings
from ewp.catalogue import ApiEntry, ClientAuth, Host, of_hosts
from ewp.keys import PrivateKey
from ewp.manifest import write_manifest

A, B = "a.example", "b.example"


def a_hei(hei_id: str, key: Path, **more) -> CoveredHei:
    return CoveredHei(id=hei_id, name={"en": "A"}, client_key=key, admin_emails=("a@a",), **more)


def test_a_key_of_two_heis_and_one_that_others_may_read_are_named(tmp_path: Path):
    key = tmp_path / "key.pem"
    key.write_bytes(PrivateKey.generate().to_pem())
    key.chmod(0o640)

    keys, found = read_keys({each: a_hei(each, key) for each in (A, B)})

    assert set(keys) == {A, B}
    readable = "keys readable: client key 2048 bits and server key 2048 bits"
    assert [(each.level, each.about, each.words) for each in found] == [
        (Level.WARNING, A, f"client key: others on this machine may read {key}"),
        (Level.WARNING, A, f"server key: others on this machine may read {key}"),
        (Level.OK, A, readable),
        (Level.WARNING, B, f"client key: others on this machine may read {key}"),
        (Level.WARNING, B, f"server key: others on this machine may read {key}"),
        (Level.OK, B, readable),
        (Level.PROBLEM, B, f"its client key is also that of {A}; a key speaks for one HEI"),
    ]


async def test_who_holds_a_change_notice_is_held_against_the_settings(tmp_path: Path):
    entry = ApiEntry(
        api="imobility-cnr",
        version="2.0.0",
        major=2,
        urls={"url": "https://sis.example/cnr"},
        client_auth=frozenset({ClientAuth.HTTPSIG}),
    )
    theirs = of_hosts([Host(hei_ids=(A,), admin_provider="SIS", entries=(entry,))])
    nobody = of_hosts([Host(hei_ids=(A,))])
    hei = a_hei(A, tmp_path / "key.pem")
    async with opened(Settings(public_url="https://app.example")) as tools:
        said = [
            next(
                (each.level, each.words)
                for each in change_notices(
                    tools, replace(hei, api={"imobility-cnr": mode}), catalogue
                )
                if each.words.startswith("imobility-cnr")
            )
            for mode in (ApiMode.OWN, ApiMode.FORWARDED, ApiMode.POLL)
            for catalogue in (theirs, nobody)
        ]

    assert said == [
        (Level.PROBLEM, "imobility-cnr is to be ours, but SIS holds it"),
        (Level.OK, "imobility-cnr: own"),
        (Level.OK, "imobility-cnr: forwarded; SIS holds it"),
        (Level.WARNING, "imobility-cnr is to be forwarded, but nobody holds it"),
        (Level.OK, "imobility-cnr: poll; SIS holds it"),
        (Level.OK, "imobility-cnr: poll"),
    ]


async def test_without_an_own_system_half_of_it_is_not_heard_of(tmp_path: Path):
    hei = a_hei(A, tmp_path / "key.pem")
    async with opened(Settings()) as tools:
        (found,) = await own_system(tools, hei)
        (away,) = await own_system(tools, replace(hei, own_system="https://127.0.0.1:1/m.xml"))

    assert (found.level, found.words.partition(":")[0]) == (Level.WARNING, "no own_system")
    assert (away.level, away.words.partition(":")[0]) == (
        Level.PROBLEM,
        "its own system cannot be read",
    )


def test_foreign_text_cannot_steer_a_terminal():
    assert one_line("red\x1b[31m\r\n\x9bevil\u202e") == "red\ufffd[31m \ufffdevil\ufffd"


async def test_a_part_of_a_family_is_named_with_what_it_lacks(tmp_path: Path):
    key = PrivateKey.generate()
    api = {"omobilities": ApiMode.OWN, "imobilities": ApiMode.OWN, "omobility-cnr": ApiMode.OWN}
    hei = a_hei(A, tmp_path / "key.pem", api=api)
    cnr = ApiEntry(
        api="imobility-cnr",
        version="2.0.0",
        major=2,
        urls={"url": "https://sis.example/cnr"},
        client_auth=frozenset({ClientAuth.HTTPSIG}),
    )
    theirs = of_hosts([Host(hei_ids=(A,), admin_provider="SIS", entries=(cnr,))])
    nobody = of_hosts([Host(hei_ids=(A,))])
    async with opened(Settings(public_url="https://app.example")) as tools:

        def said(hei: CoveredHei, catalogue) -> list[str]:
            expected = write_manifest(tools.hosted(hei, key, key).manifest())
            return [each.words for each in families(tools, hei, expected, catalogue)]

        whole = "the network wants nominations whole; nobody serves"
        institutions = "the network wants institutions of everybody"
        assert said(hei, theirs) == [institutions]  # statistics come with what they count
        assert said(hei, nobody) == [f"{whole} imobility-cnr of it", institutions]
        assert said(replace(hei, api={"omobility-cnr": ApiMode.OWN}), nobody) == [
            f"{whole} omobilities, imobilities, imobility-cnr of it"
        ]
        assert said(replace(hei, api={}), theirs) == []

"""The units of deploy/systemd: commands and settings that there are, and as shut in as they say."""

import re
from pathlib import Path

import pytest

from erasmus_app.cli import _parser
from erasmus_app.settings.reading import NAMES

UNITS = sorted((Path(__file__).parents[2] / "deploy/systemd").glob("*.service"))
SHUT = {
    "CapabilityBoundingSet": "",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ProtectSystem": "strict",
    "RestrictNamespaces": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    "User": "erasmus",
}


def lines(unit: Path) -> list[tuple[str, str]]:
    text = unit.read_text(encoding="utf-8").splitlines()
    return [(line.partition("=")[0], line.partition("=")[2]) for line in text if "=" in line]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_there_is_and_gives_it_nothing_to_break(unit: Path):
    given = lines(unit)
    credentials = {value.partition(":")[0] for name, value in given if name == "LoadCredential"}

    assert SHUT.items() <= dict(given).items()
    assert "MemoryMax" in dict(given)
    for name, value in given:
        if name.startswith("ExecStart"):
            _parser().parse_args(value.split()[1:])
        if name == "Environment":
            setting, _, where = value.partition("=")
            assert setting.removeprefix("ERASMUS_APP_").lower() in NAMES
            if setting.endswith("_FILE"):
                assert re.fullmatch(r"%d/(\w+)", where)[1] in credentials


def test_api_and_worker_differ_in_their_command_alone():
    migrate, api, worker = (
        [unit for unit in UNITS if unit.stem.endswith(name)]
        for name in ("migrate", "api", "worker")
    )
    assert len(migrate) == len(UNITS) - 2

    assert worker[0].read_text() == re.sub(
        r"\bapi$", "worker", api[0].read_text(), flags=re.MULTILINE
    )

"""`erasmus-app rules`: many rules at once, checked before anything is set."""

import argparse
from pathlib import Path
from typing import Any

import pytest
from testbed import Bed, bed_running

from erasmus_app.cli import main, rules
from erasmus_app.errors import RuleFileInvalid
from erasmus_app.mobilities.rule_files import read_rules

FILE = """
hei = "ribeira.example"

[[rule]]
kind = "application"
direction = "outgoing"
term = "spring"
month_day = "--02-15"
time = "15:00"
zone = "Europe/Lisbon"
name = "Call for the spring"
url = "https://ribeira.example/call"

[[rule]]
kind = "change-request"
direction = "incoming"
event = "arrival"
offset = 30
unit = "days"
first_year = "2026/2027"
name = "Changes within a month"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    return path


def test_a_file_is_checked_without_a_database(file: Path, capsys):
    assert main(["rules", "check", str(file)]) == 0
    assert capsys.readouterr().out == "2 rules of ribeira.example could be right.\n"

    file.write_text(FILE.replace("--02-15", "--02-30").replace("https:", "http:"))
    assert main(["rules", "check", str(file)]) == 1
    said = capsys.readouterr().err
    assert "rule 1: url: is https" in said
    assert "rule 1: monthDay: is --MM-DD" in said
    assert said.endswith("Nothing was set.\n")


UNREADABLE = {
    "no TOML": ("[[rule]]", "[[rule", "rules.toml"),
    "another word": ("name =", "title =", "title"),
    "another kind": ("change-request", "change", "kind"),
    "two days": ('event = "arrival"', 'on = 2027-01-01\nevent = "arrival"', "rule 2: on"),
    "half an offset": ('unit = "days"', "", "rule 2: event"),
    "an hour that is none": ("15:00", "25:00", "rule 1: time"),
    "a day in words": ('month_day = "--02-15"', 'on = "in spring"', "on"),
}


@pytest.mark.parametrize(("old", "new", "named"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_says_where(file: Path, old: str, new: str, named: str):
    assert old in FILE
    file.write_text(FILE.replace(old, new))

    with pytest.raises(RuleFileInvalid, match=named):
        read_rules(file)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys):
    assert main(["rules", "check", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path):
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed


async def told(bed: Bed, capsys: Any, **given: Any) -> tuple[int, list[str], list[str]]:
    capsys.readouterr()
    known = {"hei": None, "all": False} | given
    status = await rules.run(argparse.Namespace(**known), bed.app.services.settings)
    said = capsys.readouterr()
    return status, said.out.splitlines(), said.err.splitlines()


async def test_rules_are_brought_and_listed(bed: Bed, file: Path, capsys):
    assert (await told(bed, capsys, what="list"))[:2] == (0, [])
    status, out, _ = await told(bed, capsys, what="import", file=file)
    assert (status, out[-1]) == (0, "2 set, 0 as they were.")
    file.write_text(FILE.replace("within a month", "within thirty days"))
    status, out, _ = await told(bed, capsys, what="import", file=file)
    assert (status, out[-1]) == (0, "1 set, 1 as they were.")

    _, out, _ = await told(bed, capsys, what="list", hei="ribeira.example")
    assert sorted(line.partition(": ")[2] for line in out) == [
        "application outgoing spring: --02-15 15:00 Europe/Lisbon: Call for the spring",
        "change-request incoming 2026/2027..: +30 days from arrival: Changes within thirty days",
    ]
    assert len((await told(bed, capsys, what="list", all=True))[1]) == 3
    # The processes that serve know them by themselves.
    await bed.app.local_rules.refresh()
    assert len(bed.app.local_rules.book.by_hei["ribeira.example"]) == 2


async def test_what_is_wrong_sets_nothing(bed: Bed, file: Path, capsys):
    file.write_text(FILE.replace("--02-15", "--02-30"))
    status, _, err = await told(bed, capsys, what="import", file=file)
    assert (status, err[-1]) == (1, "Nothing was set.")
    file.write_text(FILE.replace("ribeira.example", "elsewhere.example"))
    status, _, err = await told(bed, capsys, what="import", file=file)
    assert (status, err) == (
        1,
        ["elsewhere.example is none of the HEIs that this backend covers."],
    )
    assert (await told(bed, capsys, what="list", all=True))[1] == []

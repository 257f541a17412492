"""Rows that tests or a bench hold already: they are run, at full length, and say what they saw."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from faults.rows import Result, Row, Scale

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tests, and a bench behind them, that stand for one row."""

    says: str
    tests: Sequence[str] = ()  # as pytest takes them
    bench: Sequence[str] = ()  # below bench/, with its arguments
    longer: Mapping[str, str] = field(default_factory=dict)  # environment: more of each test

    async def __call__(self, folder: Path, scale: Scale) -> Result:
        """Run them, and hold each failure and each aim that was missed."""
        folder.mkdir(parents=True, exist_ok=True)
        result = Result()
        if self.tests:
            await self._tests(folder, scale, result)
        if self.bench:
            await self._bench(result)
        return result

    async def _tests(self, folder: Path, scale: Scale, result: Result) -> None:
        report = folder / "tests.xml"
        longer = {name: value.format(scale=scale) for name, value in self.longer.items()}
        told, status = await _run(
            *("-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", *self.tests), **longer
        )
        if not report.exists():
            result.failures.append(f"no test ran: {told[-300:]}")
            return
        cases = list(ET.parse(report).getroot().iter("testcase"))
        bad = [each for each in cases if each.find("failure") is not None]
        bad += [each for each in cases if each.find("error") is not None]
        skipped = [each for each in cases if each.find("skipped") is not None]
        result.figures["tests"] = len(cases) - len(skipped)
        for said in (each for case in cases for each in case.iter("property")):
            name, value = said.attrib["name"], said.attrib["value"]
            result.figures[name] = int(result.figures.get(name, 0)) + int(value)  # type: ignore[call-overload]
        result.hold("failed", [f"{e.attrib['classname']}::{e.attrib['name']}" for e in bad])
        if status and not bad:
            result.failures.append(f"pytest ended with {status}: {told[-300:]}")

    async def _bench(self, result: Result) -> None:
        told, status = await _run(str(ROOT / "bench" / self.bench[0]), *self.bench[1:])
        result.figures["bench"] = " ".join(self.bench)
        # What a line of its table says: name, figure, aim, and whether that is met.
        lines = [[each.strip() for each in line.split("│")[1:-1]] for line in told.splitlines()]
        aims = [line for line in lines if line and line[-1] in {"yes", "no"}]
        result.figures["aims"] = len(aims)
        result.hold("aims missed", [" ".join(line) for line in aims if line[-1] == "no"])
        if status or not aims:
            result.failures.append(f"the bench ended with {status}: {told[-300:]}")


async def _run(*arguments: str, **environment: str) -> tuple[str, int | None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return told.decode(errors="replace"), process.returncode


def _row(suite: Suite) -> Row:
    async def row(folder: Path, scale: Scale) -> Result:
        return await suite(folder, scale)

    row.__doc__ = suite.says
    return row


BAD = "tests/journeys/test_bad_partners.py"
EWP = "tests/unit/ewp"
ROWS: dict[str, Row] = {
    "R9": _row(
        Suite(
            says="R9: partners that are absent or hang delay their own data only.",
            tests=(BAD, "tests/unit/worker/test_rhythm.py", "tests/unit/partners"),
            bench=("sync.py",),
        )
    ),
    "R10": _row(
        Suite(
            says="R10: answers that drip, never end, unfold, lead elsewhere or prove nothing.",
            tests=(f"{EWP}/client", BAD, "tests/unit/worker/test_report.py"),
        )
    ),
    "R11": _row(
        Suite(
            says="R11: a storm of notifications is a fetch a minute and a push for each change.",
            tests=("tests/journeys/test_keeping_up.py",),
            bench=("cnr.py",),
        )
    ),
    "R12": _row(
        Suite(
            says="R12: mutated documents and texts crash nothing and write nothing.",
            tests=("tests/fuzz",),
            longer={"FUZZ_INPUTS": "{scale.inputs}"},
        )
    ),
    "R13": _row(
        Suite(
            says="R13: entities, depth and encodings of hostile XML read nothing and cost little.",
            tests=(f"{EWP}/test_xml_door.py", f"{EWP}/test_hostile_registry.py"),
        )
    ),
    "R14": _row(
        Suite(
            says="R14: replays, stale dates, wrong digests and others' keys are refused.",
            tests=(
                f"{EWP}/test_signing_refusals.py",
                f"{EWP}/test_signing_responses.py",
                f"{EWP}/host",
                f"{EWP}/test_catalogue_refusals.py",
                BAD,
            ),
        )
    ),
    "R15": _row(
        Suite(
            says="R15: no reminder is lost, doubled or late over zones, DST and leap days.",
            tests=(
                "tests/journeys/test_reminders.py",
                "tests/journeys/test_quiet_hours.py",
                "tests/unit/notifications",
                "tests/unit/mobilities",
            ),
        )
    ),
    "R19": _row(
        Suite(
            says="R19: machines of pushes and wishes hold their invariants over many steps.",
            tests=(
                "tests/unit/worker/test_push_machine.py",
                "tests/unit/worker/test_push_model.py",
                "tests/unit/worker/test_preferences_model.py",
            ),
            longer={"MODEL_STEPS": "{scale.steps}"},
        )
    ),
}

"""Known vulnerabilities of what is pinned: asked of a service, or of a folder of records.

A service that is not reached, or that does not know the packages, finds nothing either: what was
asked is counted, and what was not is said.
"""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from supply.pins import NLU, ROOT, RUN, Pin, pins

CACHE = ROOT / ".venv/audit"  # of answers, as pip-audit keeps them


@dataclass(frozen=True, slots=True)
class Audit:
    """How many packages were asked about, of how many; a line for each finding; and what failed."""

    asked: int
    of: int
    findings: tuple[str, ...] = ()
    why: str = ""

    def lines(self) -> Iterator[str]:
        """What is said: findings always, and nothing that sounds better than it is."""
        yield from self.findings
        if self.asked == self.of:
            yield f"audit: {len(self.findings)} known vulnerabilities in {self.of} packages"
        elif self.asked:
            yield f"audit: {self.of - self.asked} of {self.of} packages were not asked about"
        else:
            yield f"audit: nothing was asked about {self.of} packages: {self.why}"


def by_service(seconds: float) -> Audit:
    """Ask with pip-audit, for so long at most."""
    wanted = [each.name for each in pins(RUN, NLU) if each.is_wanted()]
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"),
                *("-r", str(RUN), "-r", str(NLU), "--format", "json", "--timeout", "5"),
                *("--progress-spinner", "off", "--cache-dir", str(CACHE)),
            ],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return told(json.loads(done.stdout)["dependencies"], wanted)
    except subprocess.TimeoutExpired:
        return Audit(0, len(wanted), why=f"no answer within {seconds:g} seconds")
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        return Audit(0, len(wanted), why=last[0][:200])


def told(found: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> Audit:
    """Read pip-audit's answer: what it has skipped, it has not asked about."""
    skipped = [each["skip_reason"] for each in found if "skip_reason" in each]
    asked = {canonicalize_name(each["name"]) for each in found if "skip_reason" not in each}
    return Audit(
        len(asked & set(wanted)),
        len(wanted),
        tuple(
            f"{each['name']} {each['version']}: {hole['id']}: fixed in {_fixed(hole)}"
            for each in found
            for hole in each.get("vulns", ())
        ),
        skipped[0] if skipped else "",
    )


def _fixed(hole: Mapping[str, Any]) -> str:
    return ", ".join(hole.get("fix_versions") or ["no version yet"])


def by_records(path: Path) -> Audit:
    """Look records of the OSV schema through: a folder of JSON files, or a zip of them."""
    wanted = [each for each in pins(RUN, NLU) if each.is_wanted()]
    return Audit(len(wanted), len(wanted), tuple(_findings(wanted, _records(path))))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_dir():
        yield from (json.loads(each.read_bytes()) for each in sorted(path.rglob("*.json")))
        return
    with zipfile.ZipFile(path) as archive:
        yield from (json.loads(archive.read(each)) for each in archive.namelist())


def _findings(wanted: Iterable[Pin], records: Iterable[dict[str, Any]]) -> Iterator[str]:
    versions = {each.name: each.version for each in wanted}
    for record in records:
        for part in record.get("affected", ()) if "withdrawn" not in record else ():
            package = part.get("package", {})
            name = canonicalize_name(package.get("name", ""))
            if package.get("ecosystem") == "PyPI" and name in versions:
                version = versions[name]
                if version in part.get("versions", ()) or _is_in_a_range(Version(version), part):
                    yield f"{name} {version}: {record['id']}: {record.get('summary', '')}"[:200]


def _is_in_a_range(version: Version, part: dict[str, Any]) -> bool:
    """Whether a version is affected: the last event at or before it decides (OSV, `events`)."""
    for each in part.get("ranges", ()):
        if each.get("type") != "ECOSYSTEM":
            continue
        affected = False
        for event in each["events"]:
            (kind, text), *_ = event.items()
            try:
                at = Version("0" if text == "0" else text)
            except InvalidVersion:
                return True  # better one line too many
            if kind == "introduced" and version >= at:
                affected = True
            elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
                affected = False
        if affected:
            return True
    return False

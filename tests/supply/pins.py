"""The pinned requirements, as the files have them, and what is known of them where installed."""

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUN, NLU, DEV = (ROOT / "requirements" / f"{name}.txt" for name in ("run", "nlu", "dev"))

# Classifiers say less than SPDX does; these are what the packages' licence files say.
SPDX = {
    "MIT License": "MIT",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a requirements file with its hashes."""

    requirement: Requirement
    hashes: tuple[str, ...]  # SHA-256, of every file of the version

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        return next(iter(self.requirement.specifier)).version

    def is_wanted(self, **environment: str) -> bool:
        """Whether its marker wants it on such a machine; on this one by default."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate({**default_environment(), **environment})

    @property
    def metadata(self) -> importlib.metadata.PackageMetadata | None:
        """What is installed under its name, in its version; None where that is not."""
        try:
            found = importlib.metadata.metadata(self.name)
        except importlib.metadata.PackageNotFoundError:
            return None
        return found if found["Version"] == self.version else None

    @property
    def licence(self) -> str | None:
        """Its licence as SPDX, as far as its metadata says; None where it is not installed."""
        if (found := self.metadata) is None:
            return None
        if expression := found.get("License-Expression"):
            return expression
        marked = [each.split(" :: ")[-1] for each in found.get_all("Classifier") or ()]
        named = sorted({SPDX[each] for each in marked if each in SPDX})
        text = (found.get("License") or "").strip().partition("\n")[0].strip()
        if re.fullmatch(r"[\w.+ -]{2,40}", text) and not named:
            named = [SPDX.get(text, text)]
        return " OR ".join(named) or None


def pins(*files: Path) -> Iterator[Pin]:
    """Read requirements files in order; a package that two of them pin comes once."""
    seen: set[str] = set()
    for file in files:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in filter(None, map(str.strip, text.splitlines())):
            requirement, *hashes = line.split("--hash=sha256:")
            pin = Pin(Requirement(requirement.strip()), tuple(map(str.strip, hashes)))
            if pin.name not in seen:
                seen.add(pin.name)
                yield pin

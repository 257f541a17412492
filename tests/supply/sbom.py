"""The software bill of materials: what a deployment is made of, in CycloneDX 1.6.

Made from the pinned requirements, so that it is the same on every machine but for the licences,
which are known of what is installed.
"""

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from supply.pins import NLU, ROOT, RUN, Pin, pins

SPEC = "1.6"


def sbom() -> dict[str, Any]:
    """Make it: the program, everything pinned for running it, and what needs what."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole = list(pins(RUN, NLU))
    known = {each.name: _ref(each) for each in whole}
    ours = f"pkg:pypi/{project['name']}@{project['version']}"
    extra = [each for group in project["optional-dependencies"].values() for each in group]
    direct = [canonicalize_name(Requirement(e).name) for e in [*project["dependencies"], *extra]]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": ours,
            }
        },
        "components": [_component(each) for each in whole],
        "dependencies": [
            {"ref": ours, "dependsOn": sorted({known[each] for each in direct})},
            *({"ref": known[each.name], "dependsOn": _needs(each, known)} for each in whole),
        ],
    }


def _ref(pin: Pin) -> str:
    return f"pkg:pypi/{pin.name}@{pin.version}"


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _ref(pin),
        "name": pin.name,
        "version": pin.version,
        "purl": _ref(pin),
        # One for each file of the version: a component's own `hashes` are of one file.
        "externalReferences": [
            {
                "type": "distribution",
                "url": _ref(pin),
                "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
            }
        ],
    }
    if (licence := pin.licence) is not None:
        single = re.fullmatch(r"[\w.-]+", licence)
        component["licenses"] = [
            {"license": {"id": licence}} if single else {"expression": licence}
        ]
    if pin.requirement.marker is not None:
        marker = str(pin.requirement.marker)
        component["properties"] = [{"name": "erasmus-app:marker", "value": marker}]
    return component


def _needs(pin: Pin, known: dict[str, str]) -> list[str]:
    metadata = pin.metadata
    wanted = metadata.get_all("Requires-Dist") or [] if metadata is not None else []
    names = {
        canonicalize_name(each.name)
        for each in map(Requirement, wanted)
        if each.marker is None or "extra" not in str(each.marker)
    }
    return sorted(known[each] for each in names & known.keys() - {pin.name})

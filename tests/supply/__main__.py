"""`make sbom`, `make audit`, `make check-wheels`: what the program is made of.

make audit RECORDS=PyPI-all.zip asks no service but looks through records of the OSV schema.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from supply.audit import by_records, by_service
from supply.sbom import sbom
from supply.wheels import table


def main(command: str, arguments: list[str]) -> int:
    match command, arguments:
        case "sbom", [file]:
            Path(file).write_text(json.dumps(sbom(), indent=2, sort_keys=True) + "\n")
            return said([f"{file}: CycloneDX {sbom()['specVersion']}"])
        case "audit", [seconds] if seconds.replace(".", "").isdigit():
            audit = by_service(float(seconds))
        case "audit", [records]:
            audit = by_records(Path(records))
        case "wheels", only:
            return said(table(*only))
        case _:
            return said([str(__doc__)]) + 2
    said(audit.lines())
    return 1 if audit.findings else 0


def said(lines: Iterable[str]) -> int:
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

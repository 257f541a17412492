"""One process that reads a catalogue from its standard input; `ewp_catalogue.py` starts it.

`index` reads it as the registry's keeper does and then takes times; `tree` has lxml parse it. Both
tell in JSON how many bytes of memory that took beyond what the imports had taken.
"""

import io
import json
import sys

# This folder goes last: in front, its `ewp.py` would hide the package.
sys.path.append(sys.path.pop(0))

from lxml import etree
from measuring import peak_memory, side_by_side

from ewp.catalogue_xml import read_catalogue

PIECE = 16_384  # bytes: a TLS record, which is how HTTP hands them on
ROUNDS = 9


def index() -> dict[str, object]:
    before = peak_memory()
    pieces = list(iter(lambda: sys.stdin.buffer.read(PIECE), b""))
    kept = [read_catalogue(pieces)]
    first = peak_memory() - before
    kept.append(read_catalogue(pieces))  # the one before answers until the new one is there
    second = peak_memory() - before
    del kept[0]
    document = b"".join(pieces)
    times = side_by_side(
        {
            "index": lambda: read_catalogue(pieces),
            "tree": lambda: etree.parse(io.BytesIO(document)),
        },
        ROUNDS,
    )
    return {"first": first, "second": second, "times": times}


def tree() -> dict[str, object]:
    before = peak_memory()
    document = io.BytesIO(sys.stdin.buffer.read(int(sys.argv[2])))  # known size: kept once
    kept = etree.parse(document)
    return {"hosts": len(kept.findall("{*}host")), "first": peak_memory() - before}


if __name__ == "__main__":
    print(json.dumps({"index": index, "tree": tree}[sys.argv[1]]()))

"""How fast the catalogue is read and found in, and what memory that takes."""

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ewp_network import CATALOGUE_BYTES, HEIS, HOSTS, a_catalogue
from measuring import Timing, side_by_side
from rows import Row, memory_row, row

from ewp.catalogue import Catalogue
from ewp.catalogue_xml import read_catalogue

_APIS = (("omobilities", 3), ("omobility-las", 1), ("imobilities", 2), ("omobility-cnr", 2))


def measure_catalogue() -> Iterator[Row]:
    document = b"".join(a_catalogue(heis=HEIS, hosts=HOSTS, size=CATALOGUE_BYTES))
    ours, lxml = _in_a_fresh_process("index", document), _in_a_fresh_process("tree", document)
    index, tree = Timing(*ours["times"]["index"]), Timing(*ours["times"]["tree"])
    yield row(
        f"refresh from {len(document) / 1e6:.1f} MB",
        index,
        figure=f"{len(document) / 1e6 / index.cpu:.1f} MB/s",
        limit=("etree.parse", tree),
        under=2.0,
    )
    yield memory_row(
        "memory, document too",
        ours["first"],
        limit=("etree.parse", lxml["first"]),
        under=150_000_000,
    )
    yield memory_row(
        "… with the one before",
        ours["second"],
        limit=("etree.parse", lxml["first"]),
        under=150_000_000,
    )
    yield _lookups(read_catalogue(a_catalogue(heis=HEIS, hosts=HOSTS)))


def _in_a_fresh_process(what: str, document: bytes) -> dict:
    script = Path(__file__).with_name("ewp_refresh.py")
    done = subprocess.run(
        [sys.executable, script, what, str(len(document))],
        input=document,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def _lookups(catalogue: Catalogue) -> Row:
    """Find entries of many HEIs in no order, so that no cache of the processor helps too much."""
    dice = random.Random(17)
    heis = sorted(catalogue.hei_ids)
    wanted = [(dice.choice(heis), *dice.choice(_APIS)) for _ in range(HEIS)]
    plain = {each: catalogue.entry(*each) for each in wanted}
    if None in plain.values():
        raise ValueError("an entry that should be there was not found")
    times = side_by_side(
        {"entry": _each(wanted, catalogue.entry), "dict": _each(wanted, _of(plain))}
    )
    return row(
        "look up HEI × API × version", times["entry"], limit=("dict", times["dict"]), under=10e-6
    )


def _of(plain: dict) -> Callable[..., object]:
    return lambda *key: plain[key]


def _each(keys: list[tuple], call: Callable[..., object]) -> Callable[[], object]:
    following = itertools.cycle(keys).__next__
    return lambda: call(*following())

"""`make bench-ewp`: what the network costs on one core, beside what bare libraries cost.

How it is measured, and how to read it: `bench/README.md`.
"""

import os
import platform
import sys
import time
from collections.abc import Iterable

# This folder goes last: in front, this file would hide the package `ewp`.
sys.path.append(sys.path.pop(0))

import cryptography
from cryptography.hazmat.backends.openssl import backend as openssl
from ewp_agreement import measure_agreement
from ewp_catalogue import measure_catalogue
from ewp_messages import Measured, a_learning_agreement, measure_messages
from ewp_network import HEIS, HOSTS
from ewp_signatures import measure_signatures
from lxml import etree
from measuring import load, peak_memory, processor
from rich.console import Console
from rich.table import Table
from rows import WIDTH, duration, empty_table, megabytes, rate, table, times

from ewp.messages import omobility_las

METHOD = """\
CPU and wall time of one call on one core, each the best of 5 to 11 rounds; aims are for CPU time.
The limit is the bare library on the same bytes, in turns with ours; ratio: our CPU time by its."""


def main() -> None:
    started = time.monotonic()
    console = Console(width=WIDTH, highlight=False)
    console.print(machine(), METHOD, sep="\n", soft_wrap=True)
    agreement = omobility_las.write_get_response([a_learning_agreement()])
    rows = [
        (f"The catalogue: {HEIS:,} HEIs on {HOSTS} hosts", measure_catalogue()),
        ("Signatures with RSA 2048, headers and digest checked", measure_signatures(agreement)),
        (f"A learning agreement of {len(agreement) / 1e3:.1f} kB", measure_agreement(agreement)),
    ]
    all_met = []
    for title, measured in rows:
        there = list(measured)
        console.print("", table(title, there), sep="\n")
        all_met += [each.met for each in there if each.met is not None]
    console.print("", table_of_messages(measure_messages()), sep="\n")
    console.print(
        f"\nAims met: {sum(all_met)} of {len(all_met)}."
        f" Peak memory of the run: {megabytes(peak_memory())}, the two fresh processes apart."
        f" Took {time.monotonic() - started:.0f} s; load now {load()}.",
        soft_wrap=True,
    )


def machine() -> str:
    """One line on what this runs on; figures of another machine differ, ratios hardly."""
    openssl_version = " ".join(openssl.openssl_version_text().split()[:2])
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    return (
        f"{processor()}, {os.cpu_count()} cores, load {load()} ·"
        f" {platform.python_implementation()} {platform.python_version()} ·"
        f" lxml {etree.__version__} (libxml2 {libxml2}) ·"
        f" cryptography {cryptography.__version__} ({openssl_version})"
    )


def table_of_messages(measured: Iterable[Measured]) -> Table:
    made = empty_table(
        "Messages; the limits are etree.fromstring and etree.tostring",
        *("size", "parse", "CPU", "ratio", "write", "CPU", "ratio"),
    )
    for each in measured:
        made.add_row(
            each.name,
            f"{each.size / 1e3:.1f} kB",
            rate(each.read.per_second),
            duration(each.read.cpu),
            times(each.read.cpu / each.lxml_parse.cpu),
            rate(each.write.per_second),
            duration(each.write.cpu),
            times(each.write.cpu / each.lxml_write.cpu),
        )
    return made


if __name__ == "__main__":
    main()

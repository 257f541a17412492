"""The `.ewpmobility` exchange file, 0.5: nominations and incoming mobilities in one document.

For offices that hand data to each other, or to a system of their own, outside the network. It
carries what omobilities 3 and imobilities 2 carry.
"""

import msgspec

from ewp.messages.documents import Versions
from ewp.messages.imobilities import MOBILITY_V2, IncomingMobilityV2
from ewp.messages.omobilities import MOBILITY_V3, StudentMobilityV3
from ewp.messages.shapes import maybe, shape
from ewp.messages.writing import IMOBILITIES_2, OMOBILITIES_3

NAMESPACE = {
    1: "https://github.com/erasmus-without-paper/ewp-specs-fileext-ewpmobility/tree/stable-v1"
}


class MobilityFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds; each kind in the file's order."""

    omobilities: tuple[StudentMobilityV3, ...] = ()
    imobilities: tuple[IncomingMobilityV2, ...] = ()


_FILE = Versions(
    "ewp-mobility-file",
    NAMESPACE,
    shape(
        MobilityFile,
        maybe(
            "student-mobility", MOBILITY_V3, many="omobilities", kept=True, namespace=OMOBILITIES_3
        ),
        maybe(
            "student-mobility", MOBILITY_V2, many="imobilities", kept=True, namespace=IMOBILITIES_2
        ),
    ),
)


def read_file(xml: bytes) -> MobilityFile:
    """Read an `ewp-mobility-file`. Raises XmlRefused or MessageInvalid."""
    return _FILE.read(xml)


def write_file(file: MobilityFile, *, major: int = 1) -> bytes:
    """Write an `ewp-mobility-file`: nominations first. Raises MessageInvalid."""
    return _FILE.write(file, major)

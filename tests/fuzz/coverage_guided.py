"""Looks for inputs by what they reach in `ewp`: for hours, and for what nobody thought of.

    python tests/fuzz/coverage_guided.py {xml|signatures} [-max_total_time=60] [-runs=100000]

Further arguments are libFuzzer's. It ends with the first input that raises what it may not, and
writes that into `.fuzz/`. Needs atheris (requirements/fuzz.txt); `make fuzz` leaves it out without.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "backend")]

with atheris.instrument_imports(include=["ewp"]):
    from fuzz import watch
    from fuzz.readers import READERS
    from fuzz.signatures import ANSWER, REQUEST, answer_verified, request_verified
    from unit.ewp.signed import BODY

    from ewp.errors import RequestRefused
    from ewp.signing import IncomingRequest, ResponseRefused

FOUND = HERE.parents[2] / ".fuzz"
NAMES = list(READERS)
LONGEST = 20_000  # bytes of one input


def xml(data: bytes) -> None:
    """The first byte chooses the reader, the rest is the document."""
    if not data:
        return
    name = NAMES[data[0] % len(NAMES)]
    reader = READERS[name]
    with suppress(*reader.refusals), watch.reading(name):
        reader.read(data[1:])


def signatures(data: bytes) -> None:
    """A head as it comes over the wire, without folding; then a line feed twice and the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    method, _, target = first.partition(" ")
    headers = [
        (name.strip().lower(), value) for name, _, value in (x.partition(":") for x in lines)
    ]
    request = IncomingRequest(method=method, target=target, headers=headers, body=body)
    with suppress(RequestRefused), watch.reading("verify_request"):
        request_verified(request)
        assert body == BODY
    with suppress(ResponseRefused), watch.reading("verify_response"):
        answer_verified(headers, body)
        assert body == BODY


def good_documents() -> list[bytes]:
    """Begin with these."""
    return [
        bytes([number]) + document
        for number, name in enumerate(NAMES)
        for document in READERS[name].documents()
    ]


def good_heads() -> list[bytes]:
    """A request and an answer that are right."""
    heads = [
        (f"{REQUEST.method} {REQUEST.target}", REQUEST.headers),
        ("HTTP/1.1 200", list(ANSWER.items())),
    ]
    return [
        "\n".join([first, *(f"{name}: {value}" for name, value in headers)]).encode("latin-1")
        + b"\n\n"
        + BODY
        for first, headers in heads
    ]


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "xml": (xml, good_documents),
    "signatures": (signatures, good_heads),
}


def main(target: str, *more: str) -> None:
    one_input, good = TARGETS[target]
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, each in enumerate(good()):
            (Path(corpus) / str(number)).write_bytes(each)
        atheris.Setup(
            [
                target,
                corpus,
                f"-artifact_prefix={FOUND}/{target}-",
                f"-max_len={LONGEST}",
                f"-timeout={watch.HANGS:.0f}",
                "-print_final_stats=1",
                "-verbosity=0",
                *more,
            ],
            one_input,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

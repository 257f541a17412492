"""`make bench-refusals`: what it costs to refuse each request that is made to wear us out.

From the bytes of the body to the refusal, in CPU time, each time with a document that was never
seen before. How to read it: `bench/README.md`.
"""

import sys
import time
from pathlib import Path

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parents[1] / "tests"))

import msgspec
from abuse import BODIES

from erasmus_app.api.limits import MOST_CHARACTERS, MOST_TOKENS, Inspection
from erasmus_app.api.requests import Request
from erasmus_app.api.schema import schema
from strawberry_plans import Plans

MOST = 20.0
"""Milliseconds of CPU that a refusal may take."""
TIMES = 20


def main() -> int:
    plans = Plans(
        schema,
        size=1,
        inspect=Inspection(schema._schema),  # noqa: SLF001 - there is no public name
        most_tokens=MOST_TOKENS,
        most_characters=MOST_CHARACTERS,
        hide_suggestions=True,
    )
    decode = msgspec.json.Decoder(Request).decode

    def refused(body: bytes) -> bool:
        try:
            request = decode(body)
        except (msgspec.DecodeError, RecursionError):
            return True
        plans.read("{ me { id } }")  # the only one that is remembered
        return bool(plans.read(request.query or "").errors)

    worst = 0.0
    for name, body in BODIES.items():
        took = []
        for _ in range(TIMES):
            begun = time.process_time()
            ended = refused(body)
            took.append((time.process_time() - begun) * 1e3)
            assert ended, name
        took.sort()
        print(f"{name:<36} {took[TIMES // 2]:8.2f} ms, at most {took[-1]:8.2f} ms")
        worst = max(worst, took[TIMES // 2])
    print(f"worst {worst:.2f} ms; the aim is {MOST:g}: {'met' if worst <= MOST else 'missed'}")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())

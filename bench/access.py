"""`make bench-access`: what the rules of access cost the home screen's query.

How it is measured, and how to read it: `bench/README.md`.
"""

import asyncio
import sys

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

from first_screen import HOME, context
from measuring import side_by_side

from erasmus_app.api.schema import GuardedSchema, make_schema, schema
from erasmus_app.api.schema.access import Access
from strawberry_plans import Plans

MOST = 1.1
"""How many times as long the query may take with the checks."""


class Unchecked(GuardedSchema):
    """Ours without the checks."""

    def guarded(self) -> Access:
        return schema.access


def main() -> None:
    query, asking = HOME.read_text(encoding="utf-8"), context()
    loop = asyncio.new_event_loop()

    def ask(plans: Plans) -> None:
        result = loop.run_until_complete(plans.execute(query, context=asking))
        assert result.errors is None

    kinds = {"with the checks": make_schema(), "without": make_schema(Unchecked)}
    plans = {name: Plans(made) for name, made in kinds.items()}
    times = side_by_side({name: (lambda made=made: ask(made)) for name, made in plans.items()})
    loop.close()
    for name, timing in times.items():
        print(f"{name:<16} {timing.cpu * 1e3:.4f} ms")
    ratio = times["with the checks"].cpu / times["without"].cpu
    print(f"ratio {ratio:.3f}; the aim is at most {MOST}: {'met' if ratio <= MOST else 'missed'}")


if __name__ == "__main__":
    main()

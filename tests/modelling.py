"""How long machines of hypothesis go on: a little in `make test`, long in `make test-faults`."""

import os
from collections import Counter

STEPS = int(os.environ.get("MODEL_STEPS", "0"))
taken = Counter[str]()  # steps by machine, counted as they are made


def runs(usually: int, steps: int) -> int:
    """Return how many runs of so many steps a machine makes: all of STEPS, where it is set."""
    return STEPS // steps or usually

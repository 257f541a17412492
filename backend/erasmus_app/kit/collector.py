"""Python's collector of cycles, told what a server is like: much lasts, little is in circles."""

import gc

YOUNG = 10_000  # new objects until the youngest are looked through; Python's 700 is for scripts


def hold() -> None:
    """Look for nothing while a process starts, a fifth of which it would take; `settle` ends it."""
    gc.disable()


def settle() -> None:
    """Look through everything once more, and never again through what is there now.

    Schema, routes, texts and weights are some 300,000 objects: a full collection stops an api
    process for more than 100 ms of CPU, and finds nothing. Call it when something large that lasts
    has been loaded; what was in a circle by then is freed first.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)

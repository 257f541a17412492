"""Tells at the end how much was tried, where somebody has said how much (`make fuzz`)."""

import os

from fuzz import watch


def pytest_terminal_summary(terminalreporter):
    if not watch.inputs or "FUZZ_INPUTS" not in os.environ:
        return
    terminalreporter.section("inputs, and the slowest one in milliseconds of the processor")
    for name, number in watch.inputs.items():
        terminalreporter.line(f"{number:>8}  {watch.slowest[name] * 1000:>9.1f}  {name}")

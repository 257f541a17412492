"""How much is tried: `FUZZ_INPUTS` per reader, 500 where nothing is said."""

import os

import pytest
from fuzz import watch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("FUZZ_INPUTS", "500")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _as_much_as_wanted():
    before = settings.get_current_profile_name()
    settings.load_profile("fuzz")
    yield
    settings.load_profile(before)


def pytest_terminal_summary(terminalreporter):
    if not watch.inputs or "FUZZ_INPUTS" not in os.environ:
        return
    terminalreporter.section("inputs, and the slowest one in milliseconds of the processor")
    for name, number in watch.inputs.items():
        terminalreporter.line(f"{number:>8}  {watch.slowest[name] * 1000:>9.1f}  {name}")

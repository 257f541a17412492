"""An operator waits for a command to start: it loads no more than it needs."""

import subprocess
import sys

OPERATORS = ("data", "dead", "rules", "student", "tables", "webhooks")
LOADS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"erasmus_app.cli.{name}")
print(*sorted({"erasmus_app.app", "litestar", "strawberry", "uvicorn"} & sys.modules.keys()))
"""


def loaded(*commands: str) -> list[str]:
    """What of the API a process has loaded that is about to run these."""
    told = subprocess.run(
        [sys.executable, "-c", LOADS, *commands], check=True, capture_output=True, text=True
    )
    return told.stdout.split()


def test_an_operators_command_loads_nothing_of_the_api():
    assert loaded(*OPERATORS) == []


def test_the_api_does():
    assert loaded("serve") == ["erasmus_app.app", "litestar", "strawberry", "uvicorn"]

"""Who imports whom, as docs/architecture.md draws it: each line may import those below it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2] / "backend"

# From the top down; rooms on one line leave each other alone, but for those named in ALSO.
TABLE = [
    ("asgi", "cli"),
    ("app", "worker", "bootstrap"),
    ("api", "partners", "oidc", "push", "store"),
    ("services",),
    ("glance",),
    ("chat",),
    ("notifications",),
    ("mobilities",),
    ("students", "institutions", "identity", "privacy"),
    ("errors", "ids", "kit", "settings", "telemetry"),
]
ALSO = {
    ("bootstrap", "worker"),  # it wires the worker as well
    ("settings", "institutions"),  # a covered HEI is what the file of HEIs is read into
    ("settings", "errors"),
    ("settings", "ids"),
    ("kit", "errors"),
}
DOMAINS = {"chat", "notifications", "mobilities", "students", "institutions", "identity", "kit"}
DOMAINS |= {"ids", "errors", "services", "glance", "privacy"}
DOMAIN_LIBRARIES = {"msgspec"}
# The data of languages, which nobody writes by hand; one module stands before it (decision 0029).
# The protocol of assistants, which is loaded when one comes (decision 0034).
ONE_MODULE_ONLY = {
    "babel": "erasmus_app/kit/cldr.py",
    **dict.fromkeys(("mcp", "mcp_types", "starlette"), "erasmus_app/api/mcp/serving.py"),
}
# Domains are measured by who calls them: they know of no metric and no trace.
MEASURING = {"prometheus_client": "telemetry", "opentelemetry": "telemetry"}
MAY_IMPORT_EWP = {"worker", "partners", "api", "bootstrap", "app", "cli", "ids"}
LEVEL = {room: level for level, rooms in enumerate(TABLE) for room in rooms}


def modules(package: str) -> list[Path]:
    return sorted((BACKEND / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the full names that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(BACKEND / "erasmus_app").parts[0].removesuffix(".py")


def refusals(path: Path) -> Iterator[str]:  # noqa: PLR0912 - a table has many cases
    room = room_of(path)
    if room == "__init__":
        return
    assert room in LEVEL, f"{room} has no place in the table"
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "erasmus_app":
            other = rest.split(".")[0]
            allowed = (
                other == room
                or LEVEL.get(other, -1) > LEVEL[room]
                or (room, other) in ALSO
                or (LEVEL[room] == LEVEL.get(other) == 1 and room == "app")
            )
            if not allowed:
                yield f"{room} imports {name}"
        elif top == "ewp":
            below = room in DOMAINS and name.startswith("ewp.ids.") and room == "ids"
            if not (below or room in MAY_IMPORT_EWP):
                yield f"{room} imports {name}"
        elif top == "sandbox":
            if room != "cli":
                yield f"{room} imports {name}"
        elif top in MEASURING:
            if room != MEASURING[top]:
                yield f"{room} imports {name}"
        elif top in ONE_MODULE_ONLY:
            if str(path.relative_to(BACKEND)) != ONE_MODULE_ONLY[top]:
                yield f"{path.name} imports {name}"
        elif room in DOMAINS and top not in sys.stdlib_module_names | DOMAIN_LIBRARIES:
            yield f"{room} imports {name}"


@pytest.mark.parametrize("path", modules("erasmus_app"), ids=lambda p: str(p.relative_to(BACKEND)))
def test_a_room_imports_only_what_is_below_it(path: Path):
    assert list(refusals(path)) == []


@pytest.mark.parametrize("path", modules("ewp"), ids=lambda p: str(p.relative_to(BACKEND)))
def test_the_toolkit_knows_nothing_of_the_app(path: Path):
    ours = [n for n in imported(path) if n.split(".")[0] in {"erasmus_app", "sandbox"}]
    assert ours == []


@pytest.mark.parametrize(
    "path", modules("strawberry_plans"), ids=lambda p: str(p.relative_to(BACKEND))
)
def test_the_plans_know_strawberry_and_graphql_core_alone(path: Path):
    known = sys.stdlib_module_names | {"graphql", "strawberry", "strawberry_plans"}
    assert [n for n in imported(path) if n.split(".")[0] not in known] == []


@pytest.mark.parametrize("path", modules("erasmus_nlu"), ids=lambda p: str(p.relative_to(BACKEND)))
def test_understanding_knows_nothing_of_the_app(path: Path):
    known = sys.stdlib_module_names | {"msgspec", "numpy", "py3langid", "erasmus_nlu"}
    assert [n for n in imported(path) if n.split(".")[0] not in known] == []


@pytest.mark.parametrize("path", modules("sandbox"), ids=lambda p: str(p.relative_to(BACKEND)))
def test_the_sandbox_is_built_on_the_toolkit_alone(path: Path):
    assert [n for n in imported(path) if n.split(".")[0] == "erasmus_app"] == []


def test_graphql_is_the_library_and_the_folder_holds_no_python():
    import graphql

    root = BACKEND.parent
    assert Path(graphql.__file__).parent != root / "graphql"
    assert list((root / "graphql").rglob("*.py")) == []

"""What others make for GraphQL, against ours: the audits of GraphQL over HTTP, an app's build."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from interop.certified import HERE, NODE
from testbed import Bed, bed_running

PACKAGES = HERE / "node_modules"
ROOT = HERE.parents[1]
pytestmark = pytest.mark.skipif(
    NODE is None or not (PACKAGES / "graphql-http").is_dir(),
    reason="Node or the packages are not here; `make test-interop` installs those",
)
AUDITS = 61  # of graphql-http 1.23.1


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False, explorer="true") as bed:
        yield bed


async def run(*arguments: str) -> str:
    """Run a tool of Node's; return what it printed. Fails where it does."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=HERE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(180):
        out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    assert err.decode() == ""
    return out.decode()


async def audited(url: str, token: str) -> list[dict[str, Any]]:
    """What became of each audit, MUST, SHOULD and MAY alike."""
    assert NODE is not None
    given = json.dumps({"url": url, "token": token})
    found: list[dict[str, Any]] = json.loads(await run(NODE, "audits.mjs", given))
    return found


BY_GET = {"5A70", "D6D5", "6A70"}
"""MAY: a query as text in an address. By GET we answer documents that are known, by hash."""


def ok(audit: dict[str, Any]) -> bool:
    return audit["status"] == "ok"  # neither a notice (MAY) nor a warning (SHOULD)


async def test_every_audit_of_graphql_over_http_is_passed(
    bed: Bed, capsys: pytest.CaptureFixture[str]
):
    phone = await bed.signed_in("ines")

    found = await audited(f"{bed.address}/graphql", phone.token)

    with capsys.disabled():  # each by its name, for whoever wants to know what was tried
        for each in found:
            print(f"\n{each['status']:<6} {each['id']} {each['name']}", end="")  # noqa: T201
    missed = [each for each in found if not ok(each)]
    assert [f"{e['id']} {e['name']}: {e['reason']}" for e in missed if e["id"] not in BY_GET] == []
    assert {each["id"] for each in missed} == BY_GET
    assert all(" MAY " in f" {each['name']}" for each in missed)
    assert len({each["id"] for each in found}) == AUDITS


async def test_audits_without_a_session_are_not_passed(bed: Bed):
    """Otherwise the test above would say nothing: it is the session that lets the audits in."""
    found = await audited(f"{bed.address}/graphql", "nobodys")

    at_the_door = [each["id"] for each in found if each["answered"] == 401]
    assert len(at_the_door) > AUDITS / 2
    assert any(each["status"] == "error" for each in found)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder of an app that has our schema and its operations, and a build's configuration."""
    shutil.copytree(ROOT / "graphql" / "operations", tmp_path / "operations")
    shutil.copy(ROOT / "graphql" / "schema.graphql", tmp_path)
    (tmp_path / "codegen.json").write_text(
        json.dumps(
            {
                "schema": str(tmp_path / "schema.graphql"),
                "documents": str(tmp_path / "operations" / "*.graphql"),
                "generates": {
                    str(tmp_path / "api.ts"): {
                        "plugins": ["typescript", "typescript-operations"],
                        "config": {
                            "strictScalars": True,  # a scalar that nobody has named fails
                            "scalars": {"Date": "string", "DateTime": "string"}
                            | {"Decimal": "string"},
                        },
                    }
                },
            }
        ),
        encoding="utf-8",
    )
    return tmp_path


async def generated(app: Path) -> str:
    """What the build's tool says."""
    return await run(
        str(PACKAGES / ".bin" / "graphql-codegen"), "--config", str(app / "codegen.json")
    )


async def compiled(app: Path, *files: str) -> str:
    """What TypeScript's compiler says, at its strictest."""
    process = await asyncio.create_subprocess_exec(
        str(PACKAGES / ".bin" / "tsc"),
        *("--noEmit", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"),
        *("--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"),
        *(str(app / each) for each in files),
        cwd=HERE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    return out.decode()


async def test_an_apps_types_are_generated_without_a_warning_and_compile(app: Path):
    said = await generated(app)
    (app / "screen.ts").write_text(
        'import type { HomeQuery } from "./api";\n'
        "export const names = (home: HomeQuery): string[] =>\n"
        '  home.me?.mobilities?.map((each) => each.receivingInstitution.name ?? "") ?? [];\n',
        encoding="utf-8",
    )

    assert "warn" not in said.lower()
    assert await compiled(app, "api.ts", "screen.ts") == ""
    for path in sorted((ROOT / "graphql" / "operations").glob("*.graphql")):
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, rest = line.partition(" ")
            if word in {"query", "mutation", "subscription"}:
                name = rest.partition("(")[0].partition(" ")[0]
                assert f"export type {name}{word.capitalize()} =" in (app / "api.ts").read_text()


async def test_a_screen_that_reads_what_an_operation_does_not_ask_for_does_not_compile(app: Path):
    await generated(app)
    (app / "screen.ts").write_text(
        'import type { HomeQuery } from "./api";\n'
        "export const grant = (home: HomeQuery) => home.me?.grant;\n",
        encoding="utf-8",
    )

    assert "Property 'grant' does not exist" in await compiled(app, "screen.ts")

"""`make test-openapi`: a backend of its own is asked whatever its published documents allow.

schemathesis makes requests from openapi/openapi.json and documents from graphql/schema.graphql,
right ones and wrong ones, without a token and with a student's. Nothing may end in a 5xx, every
answer has a status, a type and a shape that the document has, and what is wrong is refused.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog
from databases import DatabaseServer, database_server_running, fresh_database, valkey_running
from testbed import Bed, bed_running

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).parent / "schemathesis.toml"


async def run(document: str, token: str | None, bed: Bed, examples: int, more: list[str]) -> int:
    """Run schemathesis; return its exit code."""
    graphql = document.endswith(".graphql")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"),
        *(str(ROOT / document), "--url", f"{bed.address}/graphql" if graphql else bed.address),
        *("--max-examples", str(examples), "--generation-database", "none", *more),
    ]
    if graphql:
        command += ["--exclude-checks", "not_a_server_error"]  # see hooks.py
    else:
        command += ["--exclude-path", "/auth/logout"]  # it would end what the others need
    if token is not None:
        command += ["-H", f"Authorization: Bearer {token}"]
    who = "without a token" if token is None else "as a student"
    sys.stdout.write(f"\n=== {document}, {who}\n")
    sys.stdout.flush()
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "generated.hooks", "PYTHONPATH": "tests"}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
    return await process.wait()


async def asked(
    server: DatabaseServer, valkey: str, folder: Path, only: str | None, *given: Any
) -> int:
    """Run all of it against one backend; return how many runs have found something."""
    found = 0
    unlimited = {"limits": "everything=off"}  # here they would hide what is behind them
    async with (
        fresh_database(server) as dsn,
        bed_running(dsn, valkey, folder, worker=False, **unlimited) as bed,
    ):
        for document in ("openapi/openapi.json", "graphql/schema.graphql"):
            if only in {None, document.partition("/")[0]}:
                for key in (None, "ines"):
                    token = (await bed.signed_in(key)).token if key else None
                    found += await run(document, token, bed, *given) != 0
    return found


def main() -> int:
    """Run it against engines of its own; return 1 if anything was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=50, help="of each route or field")
    parser.add_argument("--only", choices=["openapi", "graphql"])
    known, more = parser.parse_known_args()
    # What the backend says in between is of interest where it failed.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with (
        tempfile.TemporaryDirectory() as folder,
        database_server_running() as server,
        valkey_running() as valkey,
    ):
        work = asked(server, valkey, Path(folder), known.only, known.examples, more)
        return int(asyncio.run(work) > 0)


if __name__ == "__main__":
    sys.exit(main())

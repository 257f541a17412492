"""Both engines of one data folder, shared by the processes that run on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from erasmus_app.errors import EngineFailed
from erasmus_app.store.embedded.folder import FolderInUse, opened, private_file
from erasmus_app.store.embedded.postgres import embedded_postgres
from erasmus_app.store.embedded.valkey import embedded_valkey
from erasmus_app.store.sealed import load_vault
from erasmus_app.store.versions import upgrade

ADDRESSES = "engines.json"
JOIN_SECONDS = 60.0  # the first process may be making the database


class Engines(msgspec.Struct, frozen=True, kw_only=True):
    """Where the engines are, with their passwords."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def engines(data_dir: Path, data_keys: Path | None = None) -> AsyncIterator[Engines]:
    """Run both engines with all tables, or join the process that runs them on the same folder.

    They end with the process that started them; the others then find them gone. `data_keys` are
    the keys of the personal data, see `store.sealed.load_vault`.

    Raises:
        EngineFailed: they did not start, or whoever holds the folder runs none for others.
    """
    addresses = data_dir.resolve() / ADDRESSES
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(opened(data_dir, "engines"))
        except FolderInUse as held:
            yield await _joined(addresses, held)
            return
        addresses.unlink(missing_ok=True)  # of a run that was killed
        database_url = await stack.enter_async_context(embedded_postgres(data_dir))
        redis_url = await stack.enter_async_context(embedded_valkey(data_dir))
        await upgrade(database_url, load_vault(data_keys, data_dir))
        found = Engines(database_url=database_url, redis_url=redis_url)
        building = addresses.with_suffix(".new")
        private_file(building, msgspec.json.encode(found), None)
        building.replace(addresses)
        stack.callback(addresses.unlink, missing_ok=True)
        yield found


async def _joined(addresses: Path, held: FolderInUse) -> Engines:
    with suppress(TimeoutError):
        async with asyncio.timeout(JOIN_SECONDS):
            while True:
                with suppress(FileNotFoundError):
                    return msgspec.json.decode(addresses.read_bytes(), type=Engines)
                await asyncio.sleep(0.1)
    raise EngineFailed(str(held)) from held

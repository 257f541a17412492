"""Webhooks are verified by the library that universities' own apps would take."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from interop.certified import HERE, NODE

from erasmus_app.kit.clock import utc_now
from erasmus_app.push.webhooks import signed

pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "standardwebhooks").is_dir(),
    reason="standardwebhooks is not installed; `make test-interop` does that",
)
OLD, NEW = b"o" * 32, b"n" * 32
BODY = '{"type":"mobility.agreement_sent","data":{"kind":"agreement_sent"}}'


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


async def verified(key: bytes, headers: dict[str, str], body: str = BODY) -> dict[str, Any]:
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "webhooks.mjs",
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    given = json.dumps({"secret": secret(key), "headers": headers, "body": body}).encode()
    out, _ = await asyncio.wait_for(process.communicate(given), 20)
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


def now() -> int:
    return int(utc_now().timestamp())


async def test_what_we_sign_others_verify_also_while_a_secret_changes():
    both = signed("msg_1", now(), BODY.encode(), [OLD, NEW])

    for key in (OLD, NEW):
        assert await verified(key, both) == {"message": json.loads(BODY)}
        alone = signed("msg_1", now(), BODY.encode(), [key])
        assert await verified(key, alone) == {"message": json.loads(BODY)}


async def test_what_was_not_signed_so_is_refused():
    headers = signed("msg_1", now(), BODY.encode(), [OLD])

    assert "refused" in await verified(NEW, headers)
    assert "refused" in await verified(OLD, headers, BODY.replace("sent", "made"))
    assert "refused" in await verified(OLD, headers | {"webhook-id": "msg_2"})
    late = int((utc_now() - timedelta(minutes=10)).timestamp())
    assert "refused" in await verified(OLD, signed("msg_1", late, BODY.encode(), [OLD]))

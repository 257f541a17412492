"""Web Push of others: what we encrypt they open, what they send our sandbox's service takes."""

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from interop.certified import HERE, NODE
from joserfc.jwk import ECKey

from erasmus_app.push.encryption import encrypted, public_point
from erasmus_app.push.vapid import Vapid
from sandbox.authority import Authority
from sandbox.web_push import running_web_push

pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "web-push").is_dir(),
    reason="web-push is not installed; `make test-interop` does that",
)
CONTACT = "mailto:erasmus@uni.example"


def text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


async def npm(authority: Authority | None = None, **given: Any) -> dict[str, Any]:
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "web_push.mjs",
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | ({"NODE_EXTRA_CA_CERTS": str(authority.ca_file)} if authority else {}),
    )
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(given).encode()), 20)
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("message", ["", "A tua nomeação chegou 🎓", "x" * 3993])
async def test_what_we_encrypt_others_open(message: str):
    key, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    point = public_point(key.public_key())
    body = encrypted(message.encode(), point, auth)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")

    found = await npm(do="open", body=text(body), privateKey=text(scalar), auth=text(auth))
    assert found == {"message": message}


async def test_what_others_send_is_taken_and_what_is_not_theirs_to_send_is_not(
    authority: Authority, tmp_path: Path
):
    key, other = (ECKey.generate_key("P-256", private=True) for _ in range(2))
    vapid = {
        "subject": CONTACT,
        "publicKey": Vapid(key, CONTACT).public_key,
        "privateKey": str(key.as_dict(private=True)["d"]),
    }
    of_another = vapid | {
        "publicKey": Vapid(other, CONTACT).public_key,
        "privateKey": str(other.as_dict(private=True)["d"]),
    }
    async with running_web_push(tmp_path, authority) as service:
        browser = service.subscribe(vapid["publicKey"])
        subscription = json.loads(service.subscription(browser))
        send = {"do": "send", "subscription": subscription, "payload": '{"hello": "world"}'}
        options = {"TTL": 60, "urgency": "high", "topic": "a-topic"}
        taken = await npm(authority, **send, vapid=vapid, options=options)
        refused = await npm(authority, **send, vapid=of_another, options=options)

        assert (taken, refused) == ({"status": 201}, {"status": 403})
        (shown,) = service.received[browser]
        assert (shown.content, shown.ttl, shown.urgency, shown.topic) == (
            {"hello": "world"},
            60,
            "high",
            "a-topic",
        )

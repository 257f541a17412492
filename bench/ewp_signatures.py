"""How fast requests and responses are signed and verified, beside the bare RSA operation."""

import base64
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from measuring import side_by_side
from rows import Row, row

from ewp.catalogue import ApiEntry, Host, of_hosts
from ewp.ids import HeiId
from ewp.keys import PrivateKey
from ewp.signing import (
    IncomingRequest,
    request_target,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)

NOW = datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC)
SERVER = "ewp.lindental.example"
URL = f"https://{SERVER}/ewp/lindental.example/omobility-cnr/v2"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "erasmus-app"}
BODY = b"&".join(b"omobility_id=om-2026-%04d" % each for each in range(10))
DIFFERENT = 64  # requests and responses in turn, as no partner sends the same twice

T = TypeVar("T")


def measure_signatures(answer: bytes) -> Iterator[Row]:
    """Measure with keys of 2048 bits, found in a catalogue; `answer` is a response's body."""
    client, server = PrivateKey.generate(), PrivateKey.generate()
    host = Host(
        hei_ids=(HeiId("lindental.example"),),
        client_keys=frozenset({client.key_id}),
        server_keys=frozenset({server.key_id}),
        entries=(ApiEntry(api="omobility-cnr", version="2.0.0", major=2, urls={"url": URL}),),
    )
    catalogue = of_hosts([host], keys=[client.public, server.public])
    entry = catalogue.hosts[0].entries[0]
    asked = [
        sign_request(client, method="POST", url=URL, headers=FORM, body=BODY, now=NOW)
        for _ in range(DIFFERENT)
    ]
    arrived = [_arrived(each) for each in asked]
    verify = partial(verify_request, key_of=catalogue.client_key, now=NOW, hosts={SERVER})

    def respond(request: dict[str, str]) -> dict[str, str]:
        return sign_response(
            server,
            headers={"Content-Type": "application/xml; charset=utf-8"},
            body=answer,
            now=NOW,
            request_id=request["X-Request-Id"],
            request_signature=_signature(request),
        )

    def judge(exchange: tuple[dict[str, str], dict[str, str]]) -> object:
        request, response = exchange
        return verify_response(
            headers=response,
            body=answer,
            key_of=lambda key_id: catalogue.server_key(entry, key_id),
            allowed_keys=catalogue.server_keys(entry),
            sent_request_id=request["X-Request-Id"],
            sent_signature=_signature(request),
            now=NOW,
            sent_target=request_target("POST", URL),
        )

    bare_sign, bare_verify = _bare(client)
    times = side_by_side(
        {
            "verify request": _each(arrived, verify),
            "sign request": lambda: sign_request(
                client, method="POST", url=URL, headers=FORM, body=BODY, now=NOW
            ),
            "verify response": _each([(each, respond(each)) for each in asked], judge),
            "sign response": _each(asked, respond),
            "bare sign": bare_sign,
            "bare verify": bare_verify,
        }
    )
    verifying = ("RSA verify", times["bare verify"])
    signing = ("RSA sign", times["bare sign"])
    size = f"{len(answer) / 1e3:.0f} kB"
    yield row("verify a request", times["verify request"], limit=verifying, over=6_000)
    yield row("sign a request", times["sign request"], limit=signing, over=1_000)
    yield row(f"verify a response of {size}", times["verify response"], limit=verifying)
    yield row(f"sign a response of {size}", times["sign response"], limit=signing)


def _arrived(sent: dict[str, str]) -> IncomingRequest:
    """A request as a server gets it, with the headers that clients and proxies add."""
    added = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "Connection": "keep-alive",
        "Content-Length": str(len(BODY)),
        "X-Forwarded-For": "192.0.2.17",
    }
    return IncomingRequest(
        method="POST",
        target=URL.partition(SERVER)[2],
        headers=[(name.lower(), value) for name, value in (sent | added).items()],
        body=BODY,
    )


def _signature(request: dict[str, str]) -> str:
    return request["Authorization"].rpartition('signature="')[2].rstrip('"')


def _bare(key: PrivateKey) -> tuple[Callable[[], object], Callable[[], object]]:
    """Sign and verify as `cryptography` does alone, over as many bytes as a request signs."""
    private = load_pem_private_key(key.to_pem(), password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    public, scheme, hash_ = private.public_key(), padding.PKCS1v15(), hashes.SHA256()
    data = b"d" * 300
    signature = base64.b64decode(key.sign(data))
    return (
        lambda: private.sign(data, scheme, hash_),
        lambda: public.verify(signature, data, scheme, hash_),
    )


def _each(things: Sequence[T], call: Callable[[T], object]) -> Callable[[], object]:
    following = itertools.cycle(things).__next__
    return lambda: call(following())

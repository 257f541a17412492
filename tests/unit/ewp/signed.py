"""A client's signed requests, as they arrive or as somebody changed them on the way."""

import re
from datetime import UTC, datetime

import msgspec
import pytest

from ewp.errors import SignatureRefused
from ewp.keys import PrivateKey
from ewp.signing import IncomingRequest, Style, request_target, sign_request, verify_request

CLIENT = PrivateKey.generate()
SERVER = PrivateKey.generate()
NOW = datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC)
URL = "https://partner.example/ewp/lindental.example/echo?echo=a%2Fb&echo=%C5%82"
BODY = b"omobility_id=1&omobility_id=2"
REQUEST_ID = "dc05b425-4e86-4106-8dde-1257fccf53e5"


def signed(*, method="POST", url=URL, body=BODY, headers=None, now=NOW, **more):
    """A request of the client as it arrives."""
    sent = sign_request(
        CLIENT,
        method=method,
        url=url,
        headers=headers,
        body=body,
        now=now,
        **({"request_id": REQUEST_ID} | more),
    )
    return IncomingRequest(
        method=method,
        target=request_target(method, url).partition(" ")[2],
        headers=[(name.lower(), value) for name, value in sent.items()],
        body=body,
    )


def with_header(request, name, value):
    """The request with one header changed on the way, or taken out with None."""
    kept = [(known, old) for known, old in request.headers if known != name]
    added = [] if value is None else [(name, value)]
    return msgspec.structs.replace(request, headers=kept + added)


def with_parameter(request, before, after):
    """The request with something else in its Authorization."""
    old = dict(request.headers)["authorization"]
    assert re.search(before, old)
    return with_header(request, "authorization", re.sub(before, after, old))


def verified(request, *, now=NOW, keys=(CLIENT,), hosts=("partner.example",), **more):
    key_of = {key.key_id: key.public for key in keys}.get
    return verify_request(request, key_of=key_of, now=now, hosts=hosts, **more)


def refusal(request, error=SignatureRefused, **more):
    with pytest.raises(error) as refused:
        verified(request, **more)
    assert type(refused.value) is error
    return refused.value.status, str(refused.value)


REQUIRED = ("(request-target)", "host", "date", "digest", "x-request-id")


def signed_with_digest(digest):
    """A request that really signs this Digest."""
    request = with_header(signed(style=Style(headers=REQUIRED)), "digest", digest)
    values = dict(request.headers) | {"(request-target)": f"post {request.target}"}
    signature = CLIENT.sign("\n".join(f"{each}: {values[each]}" for each in REQUIRED).encode())
    return with_parameter(request, r'signature="[^"]+"', f'signature="{signature}"')

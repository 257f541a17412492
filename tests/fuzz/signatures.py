"""A request and an answer that are signed by the book, and how both are judged."""

from unit.ewp.signed import BODY, CLIENT, NOW, REQUEST_ID, SERVER, signed

from ewp.ids import KeyId
from ewp.signing import IncomingRequest, VerifiedRequest, sign_response, verify_request
from ewp.signing import verify_response as verify

REQUEST = signed()
ANSWER = sign_response(
    SERVER,
    body=BODY,
    now=NOW,
    request_id=REQUEST_ID,
    request_signature="AAAA",
    headers={"Content-Type": "text/xml"},
)


def request_verified(request: IncomingRequest) -> VerifiedRequest:
    """Raises RequestRefused."""
    known = {CLIENT.key_id: CLIENT.public}.get
    return verify_request(request, key_of=known, now=NOW, hosts=["partner.example"])


def answer_verified(headers: list[tuple[str, str]], body: bytes) -> KeyId:
    """Raises ResponseRefused."""
    return verify(
        headers=headers,
        body=body,
        key_of={SERVER.key_id: SERVER.public}.get,
        allowed_keys={SERVER.key_id},
        sent_request_id=REQUEST_ID,
        sent_signature="AAAA",
        now=NOW,
    )

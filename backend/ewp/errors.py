"""Everything that the toolkit raises.

EwpError
├── XmlRefused               bytes that are no XML we accept: DTD, entity, too large, deep or slow
├── MessageInvalid           XML that breaks a rule of the message which we rely on
├── RequestRefused           a caller's request that is answered with an error: status 400
│   ├── CallerNotAuthenticated   no usable authentication: 401
│   ├── CallerUnknown            no client key of the catalogue: 403
│   ├── CallerNotAllowed         who it is, is known, and is not let in: 403
│   ├── SignatureRefused         signature, digest, date or request id wrong: 400
│   ├── MethodNotAllowed         405
│   ├── BodyTooSlow              408
│   ├── EditConflict             the proposal is no longer the current one: 409
│   ├── BodyTooLarge             413
│   └── MediaTypeNotSupported    415
├── PartnerError             a call of ours that brought nothing we may use
│   ├── ApiNotServed             the partner does not offer what we would call
│   ├── PartnerUnreachable       no answer in time, or 5xx
│   ├── PartnerRefused           a 4xx answer
│   ├── ReplyNotTrusted          its signature, digest, date or key is not right
│   └── ReplyInvalid             its XML was refused or breaks the message's rules
├── CatalogueUnavailable     neither the registry nor a good copy on disk
└── KeyInvalid               a key that is no RSA key of 2048 bits or more
"""

import traceback

from ewp.ids import HeiId


class EwpError(Exception):
    """The root of the tree; `code` is stable and safe to log."""

    code = "ewp_error"


class XmlRefused(EwpError, ValueError):
    """Bytes that the XML door does not let in. The message names the rule, never the content."""

    code = "xml_refused"


class MessageInvalid(EwpError, ValueError):
    """XML that breaks a rule we rely on. Names the element and the rule, never personal data."""

    code = "message_invalid"


class RequestRefused(EwpError):
    """A request that is answered with an `error-response`; the message is for its developer."""

    code = "request_refused"
    status = 400


class CallerNotAuthenticated(RequestRefused):
    """No `Authorization: Signature` where one is needed (guide §2.3, check 1)."""

    code = "caller_not_authenticated"
    status = 401


class CallerUnknown(RequestRefused):
    """A key that the catalogue does not know as a client key (guide §2.3, check 8)."""

    code = "caller_unknown"
    status = 403


class CallerNotAllowed(RequestRefused):
    """A caller who is known, at an endpoint that is not open to its HEI at all (guide §3.2)."""

    code = "caller_not_allowed"
    status = 403


class SignatureRefused(RequestRefused):
    """Signature, digest, date, request id or host is wrong (guide §2.3)."""

    code = "signature_refused"


class MethodNotAllowed(RequestRefused):
    """A method that the endpoint does not take."""

    code = "method_not_allowed"
    status = 405


class BodyTooSlow(RequestRefused):
    """A request body that did not arrive in the time that it has."""

    code = "body_too_slow"
    status = 408


class EditConflict(RequestRefused):
    """An `update` of a proposal that is no longer the current one."""

    code = "edit_conflict"
    status = 409


class BodyTooLarge(RequestRefused):
    """A request body over the endpoint's limit."""

    code = "body_too_large"
    status = 413


class MediaTypeNotSupported(RequestRefused):
    """A POST of another type than the endpoint takes."""

    code = "media_type_not_supported"
    status = 415


class PartnerError(EwpError):
    """A call to a partner that brought nothing we may use."""

    code = "partner_error"

    def __init__(
        self,
        hei_id: HeiId,
        message: str,
        *,
        status: int | None = None,
        developer_message: str | None = None,
    ) -> None:
        """`developer_message` is what the partner's own `error-response` says, where it does."""
        super().__init__(f"{hei_id}: {message}")
        self.hei_id = hei_id
        self.status = status
        self.developer_message = developer_message


class ApiNotServed(PartnerError):
    """The partner does not offer the API, or only with a security method that we cannot meet."""

    code = "api_not_served"


class PartnerUnreachable(PartnerError):
    """No answer in time, no connection, a redirect or a 5xx. Worth another try later."""

    code = "partner_unreachable"

    @property
    def how(self) -> str:
        """What there was in place of an answer, without the partner's own words: for logs."""
        if self.status is not None:
            return f"status {self.status}"
        return str(self).removeprefix(f"{self.hei_id}: ")


class PartnerRefused(PartnerError):
    """A 4xx answer; `status` says which. A bug or wrong data: never repeated by itself."""

    code = "partner_refused"


class ReplyNotTrusted(PartnerError):
    """The answer's signature, digest, date or key is not right (guide §2.4). It is discarded."""

    code = "reply_not_trusted"


class ReplyInvalid(PartnerError):
    """The answer is trusted but its XML was refused or breaks the message's rules."""

    code = "reply_invalid"


class CatalogueUnavailable(EwpError):
    """Neither the registry nor a good copy on disk gives a catalogue."""

    code = "catalogue_unavailable"


class HostBusy(EwpError):
    """Our host has more to do than it can just now; callers may come again in `after` seconds."""

    code = "host_busy"

    def __init__(self, after: float) -> None:
        super().__init__(f"come again in {after:.1f} s")
        self.after = after


class KeyInvalid(EwpError, ValueError):
    """A key that is not RSA, is shorter than 2048 bits or cannot be read."""

    code = "key_invalid"


def place_of(error: BaseException) -> str:
    """Return `file.py:line` where it was raised: for logs, which must not repeat what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"

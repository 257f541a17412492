"""The host that is looked at, how it is called, and what holds of each of its answers (§7.1)."""

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode, urlsplit

import httpx
from lxml import etree
from unit.ewp.stranger import FORM, REQUIRED, Stranger, date_of, digest_of, has_signed, lines
from unit.ewp.stranger import parameters as signature_parameters
from validator import entries
from validator.results import failure, success, warning, worst

COMMON = f"{entries.SPECS}architecture/blob/stable-v1/common-types.xsd"
EWP = Path(__file__).parents[2] / "../shared/ewp"
SIGNED = (*REQUIRED, "accept-signature")
SLOW_SECONDS = 10
WINDOW = timedelta(minutes=5)
_XML = re.compile(r"(text|application)/xml(; *charset=\"?utf-8\"?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Caller:
    """Somebody whose client key the network knows."""

    hei_id: str
    key: Stranger


@dataclass(frozen=True)
class Keys:
    """Who calls: the partner whose objects are known, somebody else, and the HEI itself."""

    partner: Caller
    other: Caller
    own: Caller | None = None
    server_only: Stranger | None = None  # in the catalogue, but as a server's key
    unknown: Stranger = field(default_factory=Stranger)


@dataclass(frozen=True)
class Update:
    """An object that waits for the partner's decision."""

    omobility_id: str
    proposal_id: str


@dataclass(frozen=True)
class Known:
    """What is there for the partner to see, by API and major version; what is not said is not
    looked at, and each such step says so."""

    objects: Mapping[tuple[str, int], list[str]] = field(default_factory=dict)
    codes: Mapping[str, list[str]] = field(default_factory=dict)
    updates: Mapping[tuple[str, int], Update] = field(default_factory=dict)
    receiving_academic_year_id: str | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    raw: bytes  # as over the wire
    sent: Mapping[str, str]  # the request's headers
    seconds: float

    @property
    def body(self):
        return gzip.decompress(self.raw) if self._encoding == "gzip" else self.raw

    @property
    def _encoding(self):
        return self.headers.get("content-encoding", "identity").lower()

    @property
    def xml(self):
        """The root element; None where there is no XML."""
        try:
            return etree.fromstring(self.body)
        except etree.XMLSyntaxError:
            return None

    @property
    def root(self):
        """The root element; where there is no XML, which is judged by itself, one with nothing."""
        return etree.Element("nothing") if self.xml is None else self.xml


@dataclass
class Site:
    """One host with one HEI, known by its manifest."""

    http: httpx.AsyncClient
    manifest: entries.Manifest
    keys: Keys
    known: Known

    @property
    def hei_id(self):
        return self.manifest.hei_ids[0]

    async def call(self, url, form=(), *, method="GET", key=None, body=None, kind=FORM, **signing):
        """Call as the partner, unless told otherwise; False for `key` signs nothing.

        `signing` is what `Stranger.request` takes: headers changed before and after signing, ...
        """
        query = urlencode(list(form), encoding="utf-8")
        content = body if body is not None else query.encode() if method != "GET" else b""
        if method == "GET" and query:
            url = f"{url}?{query}"
        address = httpx.URL(url)
        key = self.keys.partner.key if key is None else key
        before = {"date": date_of(datetime.now(UTC))} | signing.pop("before", {})
        if content:
            before = {"content-type": kind} | before
        after = signing.pop("after", {})
        headers = (key or self.keys.unknown).request(
            method,
            address.raw_path.decode(),
            host=address.netloc.decode(),
            body=content,
            before=before,
            after=after if key else {"authorization": None} | after,
            **{"names": SIGNED} | signing,
        )
        headers = {"accept-encoding": "identity"} | headers
        began = monotonic()
        request = self.http.build_request(method, address, headers=headers, content=content)
        answer = await self.http.send(request, stream=True)
        try:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        finally:
            await answer.aclose()
        given = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, given, raw, headers, monotonic() - began)

    def judge(self, answer, *statuses, xml=True):
        """What must hold of every answer, and its status: one of those."""
        found = [_status(answer, statuses), *self._signed(answer)]
        if xml or answer.status >= 400:
            found.append(_document(answer))
        if answer.seconds > SLOW_SECONDS:
            found.append(warning(f"took {answer.seconds:.0f} s"))
        if answer.status == 401:
            for name, value in (
                ("www-authenticate", 'Signature realm="EWP"'),
                ("want-digest", "SHA-256"),
            ):
                if answer.headers.get(name) != value:
                    found.append(failure(f"a 401 must carry {name}: {value}"))
        return worst(*found)

    def judge_items(self, answer, element, expected):
        """A 200 with exactly these items, in any order."""
        result = self.judge(answer, 200)
        if answer.status != 200:
            return result
        there = items(answer.root, element)
        if sorted(there) == sorted(expected):
            return result
        return worst(result, failure(f"has {len(there)} items where {len(expected)} were expected"))

    def _signed(self, answer):
        """The signature of an answer: there when it was wished for, and right when it is there."""
        wished = "rsa-sha256" in answer.sent.get("accept-signature", "").lower()
        if answer.sent.get("x-request-id") != answer.headers.get("x-request-id"):
            yield failure("X-Request-Id is not that of the request")
        if "signature" not in answer.headers:
            yield failure("is not signed") if wished else success()
            return
        signed = signature_parameters(answer.headers["signature"])
        names = signed.get("headers", "").split(" ")
        key = self.manifest.server_keys.get(signed.get("keyId"))
        if key is None:
            yield failure("is signed with a key that is none of the manifest's server keys")
            return
        if signed.get("algorithm") != "rsa-sha256":
            yield failure("is signed by another algorithm than rsa-sha256")
        wanted = {"digest", "x-request-id"}
        bare = signature_parameters(answer.sent.get("authorization", "")).get("signature")
        if bare is not None:
            wanted.add("x-request-signature")
            if answer.headers.get("x-request-signature") != bare:
                yield failure("X-Request-Signature is not the request's signature")
        if missing := wanted - set(names):
            yield failure(f"does not sign {', '.join(sorted(missing))}")
        if digest_of(answer.raw) not in answer.headers.get("digest", "").split(","):
            yield failure("Digest is not that of the body as sent")
        dates = {"date", "original-date"} & set(names)
        if not dates or not all(_recent(answer.headers.get(each)) for each in dates):
            yield failure("signs no date of now")
        if any(name not in answer.headers for name in names):
            yield failure("signs a header that it does not have")
        elif not has_signed(key, lines(names, answer.headers), signed["signature"]):
            yield failure("has a signature that is not its key's")


def items(root, element):
    """The id of each item of an answer: the first element of that name in it, or the item."""
    return [next(each.iter(f"{{*}}{element}")).text for each in root]


def _status(answer, statuses):
    if answer.status in statuses:
        return success()
    wanted = " or ".join(map(str, statuses))
    told = warning if answer.status // 100 in {each // 100 for each in statuses} else failure
    return told(f"status {answer.status} in place of {wanted}{_said(answer)}")


def _said(answer):
    found = answer.root.findtext("{*}developer-message")
    return f" ({found})" if found else ""


def _document(answer):
    kind = answer.headers.get("content-type", "")
    if _XML.fullmatch(kind) is None:
        return failure(f"Content-Type {kind!r} is none of XML in UTF-8")
    root = answer.xml
    if root is None:
        return failure("is no well-formed XML")
    if answer.status >= 400 and root.tag != f"{{{COMMON}}}error-response":
        return failure(f"status {answer.status} without an error-response")
    return valid(root)


def valid(root):
    """Whether a document is valid by its schema; without the schemas, that is left open."""
    name = etree.QName(root)
    if not EWP.is_dir():
        return success("the published schemas are not here")
    schema = _schema(name.namespace, name.localname)
    if schema is None:
        return failure(f"no schema has an element {name.localname} in {name.namespace}")
    if schema.validate(etree.fromstring(etree.tostring(root))):
        return success()
    first = schema.error_log[0]
    return failure(f"is not valid: line {first.line}, {first.type_name}")


@cache
def _schema(namespace, root):
    for each in json.loads((EWP / "catalog.json").read_text(encoding="utf-8")):
        if each["namespace"] == namespace and each["default"] and root in each["roots"]:
            return etree.XMLSchema(file=str(EWP / each["xsd"]))
    return None


def _recent(value):
    try:
        read = datetime.strptime(value or "", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - read) <= WINDOW


def is_https(url):
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname) and not parts.fragment

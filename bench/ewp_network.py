"""A registry's catalogue of a large network, made up and always the same."""

import base64
import hashlib
import random
from collections.abc import Iterator

HEIS = 5_000
HOSTS = 400
CATALOGUE_BYTES = 15_000_000

_TILDE = "https://github.com/erasmus-without-paper/ewp-specs-"
_OBJECTS = "max-omobility-ids"
_APIS: tuple[tuple[str, tuple[int, ...], tuple[str, ...], str | None], ...] = (
    # tail of the specification's name, majors served, endpoints, limit
    ("institutions", (2,), ("url",), "max-hei-ids"),
    ("ounits", (2,), ("url",), "max-ounit-ids"),
    ("factsheet", (1,), ("url",), "max-hei-ids"),
    ("courses", (1,), ("url",), "max-los-ids"),
    ("course-replication", (1,), ("url",), None),
    ("file", (1,), ("url",), None),
    ("iias", (6, 7), ("get-url", "index-url", "stats-url"), "max-iia-ids"),
    ("iias-approval", (1, 2), ("url",), "max-iia-ids"),
    ("iia-cnr", (2, 3), ("url",), None),
    ("iia-approval-cnr", (1, 2), ("url",), None),
    ("omobilities", (1, 2, 3), ("get-url", "index-url", "update-url"), _OBJECTS),
    ("omobility-cnr", (1, 2), ("url",), _OBJECTS),
    ("omobility-stats", (1,), ("url",), None),
    ("imobilities", (1, 2), ("get-url",), _OBJECTS),
    ("imobility-cnr", (1, 2), ("url",), _OBJECTS),
    ("omobility-las", (1,), ("get-url", "index-url", "update-url", "stats-url"), _OBJECTS),
    ("omobility-la-cnr", (1,), ("url", "stats-url"), _OBJECTS),
    ("imobility-tors", (1, 2, 3), ("get-url", "index-url"), _OBJECTS),
    ("imobility-tor-cnr", (1, 2), ("url",), _OBJECTS),
    ("imobility-tor-stats", (1,), ("url",), None),
)
_ELEMENTS = {"ounits": "organizational-units", "course-replication": "simple-course-replication"}
_SPKI_HEAD = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
_SPKI_TAIL = bytes.fromhex("0203010001")


def a_catalogue(*, heis: int = HEIS, hosts: int = HOSTS, size: int = 0) -> Iterator[bytes]:
    """Yield a catalogue, always the same; notes of the hosts fill it up to about `size` bytes."""
    dice = random.Random(20_260_302)
    keys = [_a_key(dice) for _ in range(2 * hosts)]
    names = [b"".join(_an_hei(number)) for number in range(heis)]
    binaries = [
        b'<rsa-public-key sha-256="%s">%s</rsa-public-key>'
        % (key_id.encode(), base64.encodebytes(der))
        for key_id, der in keys
    ]
    written = [_a_host(number, heis, hosts, keys) for number in range(hosts)]
    bare = sum(map(len, names)) + sum(map(len, binaries)) + sum(map(len, written))
    notes = b"n" * max(0, (size - bare) // hosts)
    yield (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<catalogue xmlns="%sapi-registry/tree/stable-v1"'
        b' xmlns:ewp="%sarchitecture/blob/stable-v1/common-types.xsd">\n'
    ) % (_TILDE.encode(), _TILDE.encode())
    for host in written:
        yield host % notes
    yield b"<institutions>"
    yield from names
    yield b"</institutions><binaries>"
    yield from binaries
    yield b"</binaries></catalogue>"


def _a_key(dice: random.Random) -> tuple[str, bytes]:
    modulus = bytearray(dice.randbytes(256))
    modulus[0] |= 0x80
    modulus[-1] |= 1
    der = _SPKI_HEAD + bytes(modulus) + _SPKI_TAIL
    return hashlib.sha256(der).hexdigest(), der


def _an_hei(number: int) -> Iterator[bytes]:
    hei_id = f"hei-{number:04}.example"
    yield f'<hei id="{hei_id}">\n'.encode()
    yield f'  <other-id type="previous-schac">old-{hei_id}</other-id>\n'.encode()
    yield f'  <other-id type="pic">{900_000_000 + number}</other-id>\n'.encode()
    yield f'  <other-id type="erasmus">XX TOWN{number:04}</other-id>\n'.encode()
    yield f'  <other-id type="erasmus-charter">{number}-EPP-1-2021-1-XX</other-id>\n'.encode()
    yield f'  <name xml:lang="xx">Univerzitět Příkladná číslo {number}</name>\n'.encode()
    yield f'  <name xml:lang="en">Example University number {number}</name>\n</hei>\n'.encode()


def _a_host(number: int, heis: int, hosts: int, keys: list[tuple[str, bytes]]) -> bytes:
    base = f"https://ewp-{number:03}.example/rest"
    entries = "\n".join(
        _an_entry(tail, major, f"{base}/{tail}/v{major}", endpoints, limit)
        for tail, majors, endpoints, limit in _APIS
        for major in majors
    )
    covered = "".join(
        f"<hei-id>hei-{each:04}.example</hei-id>" for each in range(number, heis, hosts)
    )
    client, server = keys[2 * number][0], keys[2 * number + 1][0]
    return (
        f"<host><ewp:admin-email>ewp@ewp-{number:03}.example</ewp:admin-email>"
        f"<ewp:admin-provider>Provider {number} (Software)</ewp:admin-provider>"
        "<ewp:admin-notes>%s</ewp:admin-notes>\n"
        f"<apis-implemented>\n{entries}\n</apis-implemented>"
        f"<institutions-covered>{covered}</institutions-covered>"
        f'<client-credentials-in-use><rsa-public-key sha-256="{client}"/>'
        f"</client-credentials-in-use>"
        f'<server-credentials-in-use><rsa-public-key sha-256="{server}"/>'
        f"</server-credentials-in-use></host>\n"
    ).encode()


def _an_entry(
    tail: str, major: int, base: str, endpoints: tuple[str, ...], limit: str | None
) -> str:
    element = _ELEMENTS.get(tail, tail)
    urls = "".join(f"    <{each}>{base}/{each}</{each}>\n" for each in endpoints)
    most = f"    <{limit}>50</{limit}>\n" if limit else ""
    return (
        f'  <{element} xmlns="{_TILDE}api-{tail}/blob/stable-v{major}/manifest-entry.xsd"'
        f' version="{major}.0.0">\n    <http-security>\n'
        f'      <client-auth-methods xmlns="{_TILDE}sec-intro/tree/stable-v2">\n'
        f'        <httpsig xmlns="{_TILDE}sec-cliauth-httpsig/tree/stable-v1"/>\n'
        f"      </client-auth-methods>\n"
        f'      <server-auth-methods xmlns="{_TILDE}sec-intro/tree/stable-v2">\n'
        f'        <tlscert xmlns="{_TILDE}sec-srvauth-tlscert/tree/stable-v1"/>\n'
        f'        <httpsig xmlns="{_TILDE}sec-srvauth-httpsig/tree/stable-v1"/>\n'
        f"      </server-auth-methods>\n    </http-security>\n{urls}{most}  </{element}>"
    )

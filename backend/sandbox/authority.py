"""A throw-away certificate authority, so that everything in the sandbox speaks real TLS.

It can sign for loopback and for the names it was opened with, nothing else: the certificate's
name constraints say so, and a key left lying about harms nobody.
"""

import contextlib
import fcntl
import ssl
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Self

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.clock import Clock, utc_now

AUTHORITY_LIFETIME = timedelta(days=5 * 365)
SERVER_LIFETIME = timedelta(days=180)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(hours=1)  # a container's clock may lag behind

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
OWN_DOMAINS = ("localhost", "example")  # what the authority may always sign for, RFC 2606
OWN_NETWORKS = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server's certificate and key lie, PEM."""

    chain: Path
    key: Path


class Authority:
    """The authority of one folder, with one server certificate for all of the sandbox."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "ca.pem"
        self.server = Certificate(chain=folder / "server.pem", key=folder / "server-key.pem")

    @classmethod
    def open(cls, folder: Path, *, names: Collection[str] = (), now: Clock = utc_now) -> Self:
        """Take over the folder's authority and certificate; make what is missing, old or broken.

        Several processes may do so at the same time.

        Args:
            folder: made with mode 0700 where it does not exist; keys in it have mode 0600.
            names: DNS names or IP addresses beside loopback that the certificate is for.
            now: the time, UTC.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        authority = cls(folder)
        wanted = frozenset(_general_name(each) for each in (*LOOPBACK_NAMES, *names))
        with _alone(folder):
            issuer = _kept_authority(folder, wanted, now()) or _new_authority(folder, wanted, now())
            if not _server_is_good(authority.server, issuer, wanted, now()):
                _new_server(authority.server, issuer, wanted, now())
        return authority

    def server_context(self, protocols: Sequence[str] = ()) -> ssl.SSLContext:
        """Return a server's TLS settings.

        Args:
            protocols: ALPN names in the order of preference.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.chain, self.server.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return the TLS settings of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.ca_file))


class _Pair(msgspec.Struct, frozen=True):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes that open it."""
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.lower())


def _read(certificate: Path, key: Path) -> _Pair | None:
    """Read a pair; None where it is missing, broken or does not belong together."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    return _Pair(found, private) if found.public_key() == private.public_key() else None


def _is_timely(certificate: x509.Certificate, now: datetime) -> bool:
    ends = certificate.not_valid_after_utc
    return certificate.not_valid_before_utc <= now < ends - RENEW_BEFORE


def _kept_authority(
    folder: Path, wanted: Collection[x509.GeneralName], now: datetime
) -> _Pair | None:
    pair = _read(folder / "ca.pem", folder / "ca-key.pem")
    if pair is None or not _is_timely(pair.certificate, now):
        return None
    extensions = pair.certificate.extensions
    try:
        permitted = extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None
    subtrees = permitted.permitted_subtrees or ()
    return pair if all(_covered(each, subtrees) for each in wanted) else None


def _covered(name: x509.GeneralName, subtrees: Collection[x509.GeneralName]) -> bool:
    for each in subtrees:
        if isinstance(name, x509.DNSName) and isinstance(each, x509.DNSName):
            if name.value == each.value or name.value.endswith(f".{each.value}"):
                return True
        elif (
            isinstance(name, x509.IPAddress)
            and isinstance(each, x509.IPAddress)
            and isinstance(name.value, IPv4Address | IPv6Address)
            and isinstance(each.value, IPv4Network | IPv6Network)
            and name.value in each.value
        ):
            return True
    return False


def _new_authority(folder: Path, wanted: Collection[x509.GeneralName], now: datetime) -> _Pair:
    own: list[x509.GeneralName] = [x509.DNSName(each) for each in OWN_DOMAINS]
    own += [x509.IPAddress(each) for each in OWN_NETWORKS]
    further = [_as_subtree(each) for each in wanted if not _covered(each, own)]
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(f"Sandbox authority {now:%Y-%m-%d %H:%M}")
    certificate = (
        _builder(name, name, key, now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints([*own, *further], None), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(folder / "ca-key.pem", key)
    _write(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return _Pair(certificate, key)


def _as_subtree(name: x509.GeneralName) -> x509.GeneralName:
    if isinstance(name, x509.IPAddress) and isinstance(name.value, IPv4Address):
        return x509.IPAddress(IPv4Network(name.value))
    if isinstance(name, x509.IPAddress) and isinstance(name.value, IPv6Address):
        return x509.IPAddress(IPv6Network(name.value))
    return name


def _server_is_good(
    server: Certificate, issuer: _Pair, wanted: Collection[x509.GeneralName], now: datetime
) -> bool:
    pair = _read(server.chain, server.key)
    if pair is None or not _is_timely(pair.certificate, now):
        return False
    try:
        pair.certificate.verify_directly_issued_by(issuer.certificate)
        names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(wanted) <= set(names.value)


def _new_server(
    server: Certificate, issuer: _Pair, wanted: Collection[x509.GeneralName], now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = sorted(wanted, key=lambda each: (isinstance(each, x509.IPAddress), str(each.value)))
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    certificate = (
        _builder(_subject("localhost"), issuer.certificate.subject, key, now, SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(authority_key, critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    _write_key(server.key, key)
    _write(server.chain, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Erasmus+ App sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(identifier, critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write beside and move into place, so that no reader ever meets half a file."""
    building = path.with_name(f"{path.name}.new")
    building.unlink(missing_ok=True)
    building.touch(mode)
    building.write_bytes(content)
    building.replace(path)

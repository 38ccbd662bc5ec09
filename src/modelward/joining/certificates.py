"""The hub's small certificate authority: short-lived TLS certificates with one name each.

X.509 (RFC 5280), P-256. nats-server maps a certificate to a user by its *first* subject
alternative name and ignores the rest, so a certificate here has exactly one, and who reads
one refuses any other count. The authority signs nothing but end entities (path length 0).

Pure: keys, names and times in, certificates out. Files are folders.py's business.
"""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelward.errors import NotAdmitted
from modelward.joining.keys import TlsKey, spki

LIFE = timedelta(days=30)
"""How long a certificate is good; the running node renews it in its last third."""

AUTHORITY_LIFE = timedelta(days=3653)

BACKDATED = timedelta(minutes=10)
"""How far a new certificate's start lies in the past, for clocks that are a little slow."""

Use = Literal["client", "server"]


def authority(key: TlsKey, now: datetime) -> x509.Certificate:
    """Return a self-signed certificate for the hub's authority key."""
    name = _name("modelward hub authority")
    builder = _dated(name, name, key.public_key(), now, AUTHORITY_LIFE)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def issue(
    public: ec.EllipticCurvePublicKey,
    name: str,
    use: Use,
    *,
    by: tuple[x509.Certificate, TlsKey],
    now: datetime,
    life: timedelta = LIFE,
) -> x509.Certificate:
    """Return a certificate for `public` with the single alternative name `name`.

    Args:
        public: The holder's TLS key.
        name: Site name, or the host name or address of a server.
        use: Which side of a TLS connection the holder may be.
        by: The authority's certificate and key.
        now: Start of validity, less ten minutes.
        life: Length of validity.
    """
    ca, key = by
    purpose = (
        ExtendedKeyUsageOID.CLIENT_AUTH if use == "client" else ExtendedKeyUsageOID.SERVER_AUTH
    )
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return (
        _dated(_name(name), ca.subject, public, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(key, hashes.SHA256())
    )


def check(
    certificate: x509.Certificate,
    *,
    name: str,
    public: ec.EllipticCurvePublicKey,
    ca: x509.Certificate,
    now: datetime,
) -> None:
    """Raise NotAdmitted unless `certificate` is a good one for `name` and `public`.

    Refused: another issuer, key or name, more than one name, not yet valid, expired. The
    dates are told apart from a wrong clock as far as that is possible.
    """
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise _refuse(f"the certificate of {name!r} was not signed by this hub") from error
    holder = certificate.public_key()
    if not isinstance(holder, ec.EllipticCurvePublicKey) or spki(holder) != spki(public):
        raise _refuse(f"the certificate of {name!r} is for another key")
    names = names_of(certificate)
    if names != [name]:
        raise _refuse(f"the certificate names {', '.join(names) or 'nobody'}, not {name!r}")
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start:
        raise NotAdmitted(
            f"the certificate of {name!r} starts at {start:%Y-%m-%d %H:%M} UTC, and the clock "
            f"here says {now:%Y-%m-%d %H:%M}",
            why="a certificate that is not yet valid means that one of two clocks is wrong",
            remedy="hold both machines' clocks against a time server (timedatectl). If this "
            "one is wrong, set it and do this again; if the hub's was, it runs: modelward hub "
            f"renew HUB {name}, and sends the file",
        )
    if now > end:
        raise NotAdmitted(
            f"the certificate of {name!r} expired at {end:%Y-%m-%d %H:%M} UTC, and the clock "
            f"here says {now:%Y-%m-%d %H:%M}",
            why="certificates live 30 days and are renewed by a running node",
            remedy=f"if the clock is right, the hub runs: modelward hub renew HUB {name}, and "
            "sends the file; then here: modelward site join SITE MEMBERSHIP",
        )


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return every subject alternative name as text."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found.value]


def due(certificate: x509.Certificate, now: datetime) -> bool:
    """Return whether `certificate` is in the last third of its life, or past it."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= end - (end - start) / 3


def to_pem(certificate: x509.Certificate) -> str:
    """Return the certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def from_pem(text: str | bytes) -> x509.Certificate:
    """Parse one PEM certificate.

    Raises:
        NotAdmitted: If it is not one.
    """
    try:
        return x509.load_pem_x509_certificate(text.encode() if isinstance(text, str) else text)
    except ValueError as error:
        raise _refuse(f"not a certificate: {error}") from error


def public_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Return the holder's key.

    Raises:
        NotAdmitted: If it is not an elliptic-curve key.
    """
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise _refuse("the certificate is for another kind of key")
    return public


def _dated(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
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


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _refuse(found: str) -> NotAdmitted:
    return NotAdmitted(
        found,
        why="who is on the line is known by a certificate of the hub, for one name and one key",
        remedy="compare fingerprints with the other side, and exchange the files again",
    )

"""The two files of joining: a site's request, and the membership that the hub answers with.

Both are canonical JSON (RFC 8785) with a format line and an Ed25519 signature over every
other field behind that line. A request proves that its maker holds the private halves of
the keys in it: the certificate request is signed with the TLS key, the file with the
signing key. docs/formats/request.md and docs/formats/membership.md have examples and what
a reader must reject. Neither file is secret.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from modelward.core.terms import Name
from modelward.errors import NotAdmitted
from modelward.joining import certificates
from modelward.joining.keys import TlsKey, spoken
from modelward.joining.signed_file import (
    ADDRESS,
    Address,
    KeyHex,
    Pem,
    SignatureHex,
    SignedFile,
    Stamp,
    refuse,
    sealed,
)

LAST_PORT = 65535

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")

RESERVED = frozenset({"hub", "hub-admin", "sys"})
"""Names that mean somebody else on the wire."""


class Request(SignedFile):
    """A site asks to be admitted.

    Attributes:
        format: Which format this is.
        site: The name it wants to go by.
        hub: The hub's address, as the site was told it.
        csr: PKCS #10 request for that name, PEM.
        key: Its Ed25519 public key, raw, hex.
        made: When, UTC.
        signature: By `key`.
    """

    format: Literal["modelward-request/1"] = "modelward-request/1"
    site: Name
    hub: Address
    csr: Pem
    key: KeyHex
    made: Stamp
    signature: SignatureHex

    @property
    def signing(self) -> Ed25519PublicKey:
        """The site's signing key."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))

    @property
    def tls(self) -> ec.EllipticCurvePublicKey:
        """The site's TLS key, whose holder signed the certificate request.

        Raises:
            NotAdmitted: If the certificate request is not one, or for another name or kind.
        """
        try:
            asked = x509.load_pem_x509_csr(self.csr.encode())
            valid = asked.is_signature_valid
        except ValueError as error:
            raise refuse(f"csr is not a certificate request: {error}") from error
        public = asked.public_key()
        if not valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise refuse("csr is not signed with a P-256 key")
        if not isinstance(public.curve, ec.SECP256R1):
            raise refuse("csr is for another curve than P-256")
        named = [str(each.value) for each in asked.subject]
        if named != [self.site]:
            raise refuse(f"csr is for {', '.join(named)[:80]}, not for {self.site!r}")
        return public

    @property
    def spoken(self) -> str:
        """The fingerprint that both sides compare by voice."""
        return spoken(self.signing, self.tls)


class Membership(SignedFile):
    """The hub admits a site.

    Attributes:
        format: Which format this is.
        site: The name it goes by.
        hub: The address to dial.
        ca: The hub's authority, PEM.
        certificate: The site's TLS certificate, PEM.
        hub_key: The hub's Ed25519 public key, raw, hex.
        site_key: The site's Ed25519 public key, raw, hex.
        issued: When, UTC.
        signature: By `hub_key`.
    """

    format: Literal["modelward-membership/1"] = "modelward-membership/1"
    site: Name
    hub: Address
    ca: Pem
    certificate: Pem
    hub_key: KeyHex
    site_key: KeyHex
    issued: Stamp
    signature: SignatureHex

    @property
    def signing(self) -> Ed25519PublicKey:
        """The hub's signing key."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.hub_key))

    @property
    def spoken(self) -> str:
        """The hub's fingerprint, which both sides compare by voice."""
        authority = certificates.from_pem(self.ca)
        return spoken(self.signing, certificates.public_of(authority))


def require_address(url: str) -> None:
    """Raise NotAdmitted unless `url` is one that sites can dial."""
    if not re.fullmatch(ADDRESS, url):
        raise NotAdmitted(
            f"{url!r} is no address of a hub",
            why="sites dial their hub by TLS or WebSocket, at a host and a port",
            remedy="give one such as tls://hub.example.org:4222; the hub's operator knows it",
        )


def require_listen(listen: str, websocket: str | None) -> None:
    """Raise NotAdmitted unless a server can listen at both addresses."""
    for address in (listen, websocket):
        host, _, port = (address or "127.0.0.1:1").rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) <= LAST_PORT:
            raise NotAdmitted(
                f"{address!r} is no address to listen on",
                why="the server listens at an address of this machine, and a port",
                remedy="give one such as 0.0.0.0:4222, or 127.0.0.1:4222 for this machine only",
            )
    if listen == websocket:
        raise NotAdmitted(
            f"{listen} is given twice",
            why="WebSocket is another way to speak, and has a port of its own",
            remedy="give another one: --websocket 0.0.0.0:443",
        )


def request(
    site: str, hub: str, *, tls: TlsKey, signing: Ed25519PrivateKey, now: datetime
) -> Request:
    """Return the signed request of `site`.

    Raises:
        NotAdmitted: If the name or address cannot be used.
    """
    if not _NAME.fullmatch(site):
        raise NotAdmitted(
            f"{site!r} is no name for a site",
            why="it is used in folders, reports and addresses",
            remedy="take a-z, 0-9, - and _, beginning with a letter, such as cleveland",
        )
    require_address(hub)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, site)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(tls, hashes.SHA256())
    fields = {
        "format": "modelward-request/1",
        "site": site,
        "hub": hub,
        "csr": csr.public_bytes(Encoding.PEM).decode(),
        "key": signing.public_key().public_bytes_raw().hex(),
        "made": stamp(now),
    }
    return Request.read(sealed(fields, signing), file="request")


class Admitted(Protocol):
    """Who is admitted: a request that was checked, or a member."""

    @property
    def site(self) -> str:
        """The name it goes by."""
        ...

    @property
    def key(self) -> str:
        """Its Ed25519 public key, raw, hex."""
        ...


def admission(
    asked: Admitted,
    *,
    hub: str,
    certificate: str,
    ca: str,
    key: Ed25519PrivateKey,
    now: datetime,
) -> Membership:
    """Return the signed membership that answers a checked request, or renews a member."""
    fields = {
        "format": "modelward-membership/1",
        "site": asked.site,
        "hub": hub,
        "ca": ca,
        "certificate": certificate,
        "hub_key": key.public_key().public_bytes_raw().hex(),
        "site_key": asked.key,
        "issued": stamp(now),
    }
    return Membership.read(sealed(fields, key), file="membership")


def check_request(asked: Request) -> None:
    """Raise NotAdmitted unless the request proves what it says and its name can be used."""
    if asked.site in RESERVED:
        raise NotAdmitted(
            f"{asked.site!r} is not a name for a site",
            why="somebody else goes by it on the wire",
            remedy="take the hospital's, such as cleveland",
        )
    asked.opened_by(asked.signing)
    asked.tls  # noqa: B018 - reading it checks the certificate request


def read_hub_key(source: str) -> Ed25519PublicKey:
    """Return a hub's public key, given as 64 hex digits or as a membership file.

    Raises:
        NotAdmitted: If it is neither.
    """
    path = Path(source)
    try:
        if path.is_file():
            return Membership.read(path.read_bytes(), file=path.name).signing
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(source))
    except (OSError, ValueError) as error:
        raise NotAdmitted(
            f"{source} is no public key of a hub",
            why="a signature says something only under a key that is known to be the hub's",
            remedy="give the site's membership.json, or the 64 digits that the hub told you",
        ) from error


def stamp(moment: datetime) -> str:
    """Return `moment` as the files spell times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

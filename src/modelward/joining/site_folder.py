"""A site's side of joining, as files beside its data and ledger.

site.key           its signing key
tls.key tls.pem    its TLS key, and the certificate that the hub gave it last
ca.pem             the hub's authority
request.json       what it asked the hub with
membership.json    what the hub answered
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward import durable
from modelward.errors import NotAdmitted
from modelward.joining import certificates, files
from modelward.joining.files import Membership, Request
from modelward.joining.keys import signing_key, tls_key


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """The files of a site.

    Attributes:
        path: The folder.
    """

    path: Path

    def ask(self, name: str, hub: str, now: datetime) -> Request:
        """Make the site's keys where there are none, and its request file.

        Raises:
            NotAdmitted: If the name or address cannot be used.
            StorageError: If the folder cannot be written.
        """
        durable.make_folder(self.path, mode=0o750)  # findings and answers are about patients
        asked = files.request(
            name,
            hub,
            tls=tls_key(self.path / "tls.key"),
            signing=signing_key(self.path / "site.key"),
            now=now,
        )
        files.check_request(asked)
        durable.write_whole(self.path / "request.json", asked.to_bytes())
        return asked

    def join(self, given: Membership, now: datetime) -> None:
        """Take the hub's membership file as this site's own.

        Raises:
            NotAdmitted: If it is for another site or key, altered, or expired.
        """
        given.opened_by(given.signing)
        if given.site_key != self.key.public_key().public_bytes_raw().hex():
            raise NotAdmitted(
                f"the membership is for a site {given.site!r} with another signing key",
                why="a membership is bound to the keys of the request it answers",
                remedy="send this folder's request.json to the hub, and take its answer",
            )
        if (self.path / "membership.json").exists():
            self._same_hub(given)
        self._check(certificates.from_pem(given.certificate), given, now)
        durable.write_whole(self.path / "ca.pem", given.ca.encode())
        durable.write_whole(self.path / "tls.pem", given.certificate.encode())
        durable.write_whole(self.path / "membership.json", given.to_bytes())

    def renew(self, certificate: str, now: datetime) -> bool:
        """Keep a newer certificate that came over the wire.

        Returns:
            Whether it was newer than the one here.

        Raises:
            NotAdmitted: If it is not for this site, from its hub, and valid.
        """
        offered = certificates.from_pem(certificate)
        self._check(offered, self.membership, now)
        if offered.not_valid_after_utc <= self.certificate.not_valid_after_utc:
            return False
        durable.write_whole(self.path / "tls.pem", certificate.encode())
        return True

    @property
    def membership(self) -> Membership:
        """What the hub answered.

        Raises:
            NotAdmitted: If the site has not joined.
        """
        path = self.path / "membership.json"
        try:
            return Membership.read(path.read_bytes(), file=path.name)
        except OSError as error:
            raise NotAdmitted(
                f"{self.path} has not joined a hub",
                why="a site dials the hub that admitted it, and no other",
                remedy="modelward site init, have the hub admit the request, then "
                "modelward site join MEMBERSHIP",
            ) from error

    @property
    def name(self) -> str:
        """The name it was admitted under."""
        return self.membership.site

    @property
    def key(self) -> Ed25519PrivateKey:
        """Its signing key."""
        return signing_key(self.path / "site.key")

    @property
    def hub_key(self) -> Ed25519PublicKey:
        """The hub's signing key, pinned when it joined."""
        return self.membership.signing

    @property
    def certificate(self) -> x509.Certificate:
        """Its current TLS certificate."""
        return certificates.from_pem((self.path / "tls.pem").read_bytes())

    def check(self, now: datetime) -> None:
        """Raise NotAdmitted unless the site can connect with what it has at `now`."""
        given = self.membership  # says so if it has not joined
        self._check(self.certificate, given, now)

    def _check(self, held: x509.Certificate, given: Membership, now: datetime) -> None:
        certificates.check(
            held,
            name=given.site,
            public=tls_key(self.path / "tls.key").public_key(),
            ca=certificates.from_pem(given.ca),
            now=now,
        )

    def _same_hub(self, given: Membership) -> None:
        known = self.membership
        if (known.hub_key, known.ca) != (given.hub_key, given.ca):
            raise NotAdmitted(
                "the membership is from another hub than the one joined before",
                why="a site that changed hubs without noticing would answer a stranger",
                remedy="join another hub from a folder of its own, or remove membership.json",
            )

"""The hub's side of joining, as files.

    hub.toml           where the hub listens, how sites reach it, and who runs the server
    ca.key ca.pem      its authority; sites pin the certificate
    hub.key            its signing key
    tls/               keys and certificates of server, hub and hub-admin
    members/           who was admitted (members.py)
    studies/           what `hub up` serves, one canonical JSON a study

The wire's configuration is made from these files (engines/jetstream/server/configuration.py).
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.errors import NotAdmitted, StorageError
from modelward.joining import certificates, files
from modelward.joining.files import Membership, Request, require_address, require_listen
from modelward.joining.keys import TlsKey, signing_key, spki, spoken, tls_key
from modelward.joining.members import Member, Members, require_free

OWN = ("server", "hub", "hub-admin")
"""Who has a certificate besides the sites."""


class HubFolder:
    """The files of a hub. Get one from `HubFolder.create` or `HubFolder.open`.

    Attributes:
        path: The folder.
        url: The address sites dial, such as `tls://hub.example.org:4222`.
        listen: The address the server listens on, such as `127.0.0.1:4222`.
        websocket: The address it listens on for WebSocket, or None.
        external: Whether somebody else runs the server.
        leaf: The address where it listens for leaf servers of sites, or None.
        leafs: Site -> folder name of the leaf server that its box is mirrored from.
    """

    def __init__(
        self,
        path: Path,
        url: str,
        listen: str,
        *,
        websocket: str | None = None,
        external: bool = False,
    ) -> None:
        self.path, self.url, self.listen = path, url, listen
        self._known = Members(path / "members")
        self.websocket, self.external = websocket, external
        self.leaf: str | None = None
        self.leafs: Mapping[str, str] = {}

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        url: str,
        listen: str,
        now: datetime,
        websocket: str | None = None,
        external: bool = False,
    ) -> "HubFolder":
        """Make the keys, certificates and files of a new hub; a second call changes nothing.

        Args:
            path: The folder.
            url: The address sites dial.
            listen: The address the server listens on.
            now: Start of the certificates.
            websocket: The address it listens on for WebSocket as well.
            external: Whether somebody else runs the server, with the files of `modelward hub
                server-config`.

        Raises:
            NotAdmitted: If the folder holds a hub with another address, if nobody can dial
                this one, or if no server can listen where it is to.
            StorageError: If the folder cannot be written.
        """
        require_address(url)
        require_listen(listen, websocket)
        for folder in (path, path / "tls", path / "members", path / "studies"):
            durable.make_folder(folder, mode=0o750)  # answers of sites are about patients
        written = path / "hub.toml"
        if written.exists():
            known = cls.open(path)
            if known._serving() != (url, listen, websocket, external):
                raise NotAdmitted(
                    f"{path} holds a hub at {known.url}",
                    why="admitted sites have its address and authority in their membership",
                    remedy="use another folder, or change hub.toml and admit the sites again",
                )
            return known
        hub = cls(path, url, listen, websocket=websocket, external=external)
        ca = certificates.authority(tls_key(path / "ca.key"), now)
        durable.write_whole(path / "ca.pem", certificates.to_pem(ca).encode())
        signing_key(path / "hub.key")
        hub.renew_own(now)
        text = f"url = {json.dumps(url)}\nlisten = {json.dumps(listen)}\n"
        text += f"websocket = {json.dumps(websocket)}\n" if websocket else ""
        text += "external = true\n" if external else ""
        durable.write_whole(written, text.encode())
        return hub

    @classmethod
    def open(cls, path: Path) -> "HubFolder":
        """Open the folder of a hub that was made before.

        Raises:
            StorageError: If there is none.
        """
        try:
            table = tomllib.loads((path / "hub.toml").read_text("utf-8"))
            hub = cls(
                path,
                table["url"],
                table["listen"],
                websocket=table.get("websocket"),
                external=table.get("external", False),
            )
            hub.leaf, hub.leafs = table.get("leaf"), dict(table.get("leafs", {}))
        except (OSError, KeyError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise StorageError(
                f"{path} is not the folder of a hub: hub.toml: {said}",
                why="a hub's keys and members lie in one folder",
                remedy=f"make one: modelward hub init {path} --url tls://HOST:PORT",
            ) from error
        return hub

    @property
    def key(self) -> Ed25519PrivateKey:
        """The hub's signing key."""
        return signing_key(self.path / "hub.key")

    @property
    def ca(self) -> x509.Certificate:
        """The authority's certificate."""
        return certificates.from_pem((self.path / "ca.pem").read_bytes())

    @property
    def spoken(self) -> str:
        """The hub's fingerprint, compared by voice when a site joins."""
        return spoken(self.key.public_key(), certificates.public_of(self.ca))

    def renew_own(self, now: datetime) -> bool:
        """Issue new certificates for server, hub and hub-admin where they are due.

        Returns:
            Whether any was issued; then the server must reload.
        """
        host = urlsplit(self.url).hostname or "localhost"
        renewed = False
        for who in OWN:
            path = self.path / "tls" / f"{who}.pem"
            if path.exists() and not certificates.due(
                certificates.from_pem(path.read_bytes()), now
            ):
                continue
            key = tls_key(self.path / "tls" / f"{who}.key")
            serves = who == "server"
            made = certificates.issue(
                key.public_key(),
                host if serves else who,
                "server" if serves else "client",
                by=self._authority(),
                now=now,
            )
            durable.write_whole(path, certificates.to_pem(made).encode())
            renewed = True
        return renewed

    def admit(self, asked: Request, now: datetime) -> Membership:
        """Admit the site that made a request, or renew it after a long absence.

        Raises:
            NotAdmitted: If the request does not prove what it says, if the site was
                removed, or if the name is taken by another key.
        """
        files.check_request(asked)
        with self._known.alone():
            return self._admitted(asked, now)

    def _admitted(self, asked: Request, now: datetime) -> Membership:
        require_free(self.member(asked.site), asked)
        made = certificates.issue(
            asked.tls, asked.site, "client", by=self._authority(), now=now
        )
        pem = certificates.to_pem(made)
        self._known.put(Member(site=asked.site, key=asked.key, certificate=pem))
        ca = certificates.to_pem(self.ca)
        return files.admission(
            asked, hub=self.url, certificate=pem, ca=ca, key=self.key, now=now
        )

    def renew(self, site: str, now: datetime) -> str | None:
        """Return a new certificate for a member whose last one is due, as PEM, else None."""
        member = self.member(site)
        if member is None or not certificates.due(
            certificates.from_pem(member.certificate), now
        ):
            return None
        with self._known.alone():
            member = self.member(site)  # it may have been removed meanwhile
            return None if member is None or member.removed else self._reissued(member, now)

    def readmit(self, site: str, now: datetime) -> Membership:
        """Give a member that was away for longer than its certificate a new one.

        It is for the keys that the site was admitted with: nothing else changes.

        Raises:
            NotAdmitted: If there is no such member, or it was removed.
        """
        with self._known.alone():
            member = self.member(site)
            if member is not None and not member.removed:
                pem = self._reissued(member, now)
                ca = certificates.to_pem(self.ca)
                return files.admission(
                    member, hub=self.url, certificate=pem, ca=ca, key=self.key, now=now
                )
            raise NotAdmitted(
                f"{site} is {'not a member' if member is None else 'removed from this hub'}",
                why="a certificate is renewed for a member, and for the keys it joined with",
                remedy="admit its request: modelward hub admit HUB REQUEST"
                if member is None
                else "admit it under another name, with new keys",
            )

    def _reissued(self, member: Member, now: datetime) -> str:
        """Return a new certificate for the keys of a member, remembered, as PEM."""
        held = certificates.public_of(certificates.from_pem(member.certificate))
        made = certificates.issue(held, member.site, "client", by=self._authority(), now=now)
        pem = certificates.to_pem(made)
        self._known.put(replace(member, certificate=pem))
        return pem

    def remove(self, site: str) -> None:
        """Mark a site as removed; the wire shuts it out when its configuration is applied.

        Raises:
            NotAdmitted: If there is no such site.
        """
        with self._known.alone():
            member = self.member(site)
            if member is None:
                listed = ", ".join(each.site for each in self.members()) or "none"
                raise NotAdmitted(
                    f"{site} is not a member",
                    why="only an admitted site can be removed",
                    remedy=f"members are: {listed}",
                )
            self._known.put(replace(member, removed=True))

    def member(self, site: str) -> Member | None:
        """Return who goes by the name `site`, removed or not."""
        return self._known.get(site)

    def members(self) -> list[Member]:
        """Return the sites that have access, by name."""
        return [member for member in self._known.all() if not member.removed]

    def pins(self) -> list[str]:
        """Return the SHA-256 of every TLS key that may connect, hex, sorted."""
        texts = [member.certificate for member in self.members()]
        texts += [
            (self.path / "tls" / f"{who}.pem").read_text() for who in OWN if who != "server"
        ]
        holders = [certificates.public_of(certificates.from_pem(text)) for text in texts]
        return sorted(sha256(spki(holder)).hexdigest() for holder in holders)

    def _serving(self) -> tuple[str, str, str | None, bool]:
        return self.url, self.listen, self.websocket, self.external

    def _authority(self) -> tuple[x509.Certificate, TlsKey]:
        return self.ca, tls_key(self.path / "ca.key")

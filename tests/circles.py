"""A small federation of witnesses in one process: sites with ledgers, and the hub between."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.hub.switchboard import Switchboard
from modelward.ledger.circle import Circle
from modelward.ledger.log import Ledger
from modelward.ledger.mail import Mail, from_body
from modelward.ledger.note import Signer
from tests.witnesses import noon

HUB_KEY = Ed25519PrivateKey.from_private_bytes(bytes([50]) * 32)


def signer(site: str) -> Signer:
    """Return the fixed key of a site of this name."""
    raw = (f"modelward/{site}" * 32).encode()[-32:]
    return Signer(f"modelward/{site}", Ed25519PrivateKey.from_private_bytes(raw))


class Member:
    """A site: its ledger and its part in witnessing."""

    def __init__(self, folder: Path, site: str) -> None:
        own = signer(site)
        self.folder, self.name = folder, own.name
        self.ledger = Ledger.open(
            folder / "ledger", origin=own.name, private_key=own.private, clock=noon
        )
        self.circle = Circle(folder / "witness", own, noon, self.ledger)

    def write(self, count: int = 1) -> None:
        """Append so many entries under one checkpoint."""
        self.ledger.append_all([{"kind": "note", "number": n} for n in range(count)])

    def close(self) -> None:
        self.circle.close()
        self.ledger.close()


class Federation:
    """Sites and a hub; use in a `with` block."""

    def __init__(self, folder: Path, sites: Sequence[str]) -> None:
        self.folder = folder
        self.board = Switchboard(folder / "hub", HUB_KEY, noon)
        self.board.meet(signer(site).key for site in sites)
        self.sites = {site: Member(folder / site, site) for site in sites}

    def hand(self, site: str) -> None:
        """Give a site its mail, and take what it has, as bytes on a wire would be."""
        member = self.sites[site]
        mail = from_body(self.board.outgoing(member.name).body())
        replies = member.circle.exchange(mail)
        out = Mail(shown=member.circle.show(), replies=replies)
        self.board.incoming(member.name, from_body(out.body()))

    def round(self, times: int = 1) -> None:
        """Hand everybody's mail round."""
        for _ in range(times):
            for site in self.sites:
                self.hand(site)

    def reopen(self, site: str) -> Member:
        """Start a site's node again, over what is in its folder now."""
        self.sites[site].close()
        self.sites[site] = Member(self.folder / site, site)
        return self.sites[site]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.sites.values():
            member.close()
        self.board.close()

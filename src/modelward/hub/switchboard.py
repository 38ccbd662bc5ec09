"""The hub as a witness, and as the carrier between the other witnesses.

    from a site   its checkpoint   -> looked at here, and put by for its other witnesses
                  its replies      -> put by for the sites that they are about
    to a site     what was put by, with the keys of all it may hear of

Checkpoints and replies are signed by those they are from, so the hub can hold them back and
cannot make any. A site about which an alarm stands here is not asked any more (`stopped`)
until a named person has settled it. What another witness reports stops a site only if it
convicts by itself: two signed histories of one size. Anything else is kept as reported.

    HUB/witness/             what the hub saw, and its alarms (ledger/witness.py)
    HUB/witness/reported/    alarms of other witnesses that do not convict by themselves
"""

from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.durable import make_folder
from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint
from modelward.ledger.alarm import Alarm, Alarms, read_alarms
from modelward.ledger.circle import Circle
from modelward.ledger.log import Clock
from modelward.ledger.mail import Mail, Reply
from modelward.ledger.note import Signer, VerifierKey
from modelward.ledger.request import Request
from modelward.ledger.ring import HUB, witnesses_of

FOLDER, REPORTED = "witness", "reported"
"""Where it remembers, in the hub's folder, and where what others report, in that."""


class Switchboard:
    """What goes between witnesses by way of the hub; close it when done.

    Args:
        folder: The hub's folder.
        key: The hub's signing key.
        clock: The time of cosignatures.
    """

    def __init__(self, folder: Path, key: Ed25519PrivateKey, clock: Clock) -> None:
        signer = Signer(HUB, key)
        self._circle = Circle(folder / FOLDER, signer, clock)
        make_folder(folder / FOLDER / REPORTED)
        self._reported = Alarms(folder / FOLDER / REPORTED, clock)
        self._sites: dict[str, VerifierKey] = {}
        self._introduced: dict[str, tuple[VerifierKey, ...]] = {}
        self._shown: dict[str, dict[str, tuple[Request, ...]]] = {}
        self._replies: dict[str, dict[tuple[str, str], Reply]] = {}

    def meet(self, keys: Iterable[VerifierKey]) -> None:
        """Have these sites take part.

        Raises:
            LedgerBroken: If one comes with another key than before.
        """
        known = tuple(keys)
        self._circle.meet(known)
        self._sites |= {key.name: key for key in known}

    @property
    def waiting(self) -> bool:
        """Whether anything is put by for anybody."""
        return any(self._shown.values()) or any(self._replies.values())

    @property
    def key(self) -> VerifierKey:
        """The hub's key as a party."""
        return VerifierKey(HUB, self._circle.witness.key.public)

    def stopped(self, site: str) -> Alarm | None:
        """Return the alarm for which `site` is not asked, or None.

        Args:
            site: Name of its ledger.
        """
        return self._circle.witness.alarms.standing(site)

    def outgoing(self, site: str) -> Mail:
        """Return what was put by for `site`, which is then on its way.

        The first mail to a site, and one after the members changed, holds every key.
        """
        self._circle.sync()
        shown = self._shown.pop(site, {})
        replies = self._replies.pop(site, {})
        keys = (self.key, *self._sites.values())
        told = self._introduced.get(site) == keys
        self._introduced[site] = keys
        return Mail(
            keys=() if told else keys,
            shown=tuple(each for requests in shown.values() for each in requests),
            replies=tuple(replies.values()),
        )

    def incoming(self, site: str, mail: Mail) -> tuple[Alarm, ...]:
        """Take what came from `site`; return the alarms that are new to the hub.

        Only checkpoints of its own ledger are taken from a site, and only replies under
        its own name; anything else is passed over.
        """
        before = {each.id for each in self.alarms()}
        shown = tuple(each for each in mail.shown if each.origin == site)
        if site in self._sites and shown:
            for reply in self._circle.judge(shown):
                self._put(reply)
            for witness in witnesses_of(site, self._sites):
                if witness in self._sites:
                    self._shown.setdefault(witness, {})[site] = shown
        for reply in mail.replies:
            if reply.witness == site and reply.origin in self._sites:
                self._report(reply)
                self._put(reply)
        return tuple(each for each in self.alarms() if each.id not in before)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return every alarm, the hub's own and reported ones, oldest first."""
        found = (*self._circle.witness.alarms.all(), *self._reported.all())
        return tuple(sorted(found, key=lambda alarm: (alarm.time, alarm.id)))

    def close(self) -> None:
        """Let go of the files; what is put by is lost, and shown again when asked for."""
        self._circle.close()

    def _put(self, reply: Reply) -> None:
        self._replies.setdefault(reply.origin, {})[reply.witness, reply.origin] = reply

    def _report(self, reply: Reply) -> None:
        """Keep the alarm of another witness, as the hub's own if it convicts by itself."""
        said = reply.alarm
        if said is None:
            return
        try:
            key = self._sites[reply.origin]
            held, shown = checkpoint.read(said.held, key), checkpoint.read(said.shown, key)
        except LedgerBroken:
            return  # the site signed no such thing: evidence of nothing
        convicts = held.size == shown.size and held.root != shown.root
        own = self._circle.witness.alarms
        if convicts and self.stopped(reply.origin) is None:
            own.raise_("split", said.held, said.shown)
        elif not convicts:
            self._reported.raise_(said.finding, said.held, said.shown)


def alarms_at(folder: Path) -> tuple[Alarm, ...]:
    """Return every alarm in the hub's folder, its own and reported ones, oldest first.

    Raises:
        LedgerBroken: If one cannot be read.
    """
    own = read_alarms(folder / FOLDER / "alarms")
    reported = read_alarms(folder / FOLDER / REPORTED)
    return tuple(sorted((*own, *reported), key=lambda alarm: (alarm.time, alarm.id)))

"""Who has agreed to what, from the hub's chair; a site that has not is never asked.

    submit -> proposal to every site -> decisions come back -> start -> tasks

A decision counts when a site's message brings it, signed with the key that the roster pins,
and the person's own signature inside it is good. It binds study and roster: propose the
study to other sites, and every approval has to be given again. Every message that brought a
decision is kept as it came, so that anyone can check it later.

What stands between hub/run.py and sites that have not approved is consenting.py's business.
"""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from modelward.artifact.decision import MESSAGE, Decision, Word
from modelward.artifact.envelope import Envelope
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.study import Study
from modelward.errors import MessageRefused, NotApproved
from modelward.hub.registry import Registry
from modelward.study.agreement import Agreement, from_body

Going = Literal["proposed", "started", "paused", "stopped"]
"""Whether tasks of a study are sent: only while it is `started`. `stopped` is for good."""

_NEXT: dict[Going, frozenset[Going]] = {
    "proposed": frozenset(("started", "stopped")),
    "started": frozenset(("paused", "stopped", "started")),
    "paused": frozenset(("started", "stopped", "paused")),
    "stopped": frozenset(("stopped",)),
}

_proposals = sa.table("proposals", *map(sa.column, ("study", "body", "roster", "state")))
_decisions = sa.table(
    "decisions",
    *map(
        sa.column,
        ("study", "site", "number", "word", "roster", "person", "time", "body", "message"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one site stands with one study.

    Attributes:
        site: Its name.
        word: Its last decision about the study with this roster; None if there is none.
        person: Who decided.
        time: When, as that person wrote it.
    """

    site: str
    word: Word | None = None
    person: str | None = None
    time: str | None = None


class Consent:
    """Proposals and decisions in the hub's registry.

    Args:
        registry: An open registry.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def submit(self, agreement: Agreement) -> None:
        """Remember a study as proposed to the sites of its roster.

        The same again is no change. Another roster replaces the first while the study has
        not been started, and ends every approval.

        Raises:
            NotApproved: If the study has been started with another roster.
        """
        study = agreement.study.sha256
        row = {
            "study": study,
            "body": canonical_bytes(agreement.body()),
            "roster": agreement.fingerprint,
            "state": "proposed",
        }
        with self._registry.writing() as connection:
            known = connection.execute(
                sa.select(_proposals.c.roster, _proposals.c.state).where(
                    _proposals.c.study == study
                )
            ).first()
            if known is not None and known.roster == agreement.fingerprint:
                return
            if known is not None and known.state != "proposed":
                raise NotApproved(
                    f"study {agreement.study.id} has been {known.state} with other sites",
                    why="who takes part is part of what every site has approved",
                    remedy="raise the version in the study file and submit it as a new study",
                )
            connection.execute(sa.insert(_proposals).prefix_with("OR REPLACE").values(row))

    def agreement(self, study: str) -> Agreement:
        """Return what was proposed under this SHA-256.

        Raises:
            NotApproved: If nothing was.
        """
        with self._registry.reading() as connection:
            body = connection.execute(
                sa.select(_proposals.c.body).where(_proposals.c.study == study)
            ).scalar()
        if body is None:
            raise NotApproved(
                f"study {study[:12]}… was never proposed",
                why="sites are asked only for what they have seen and approved",
                remedy="propose it first: modelward study submit STUDY",
            )
        return from_body(parse_strict(body, what="proposal"))

    def agreements(self) -> list[Agreement]:
        """Return everything that was proposed, by name and version."""
        with self._registry.reading() as connection:
            studies = connection.execute(sa.select(_proposals.c.study)).scalars().all()
        found = [self.agreement(study) for study in studies]
        return sorted(found, key=lambda each: (each.study.id, each.study.study.version))

    def awaits_another(self, envelope: Envelope) -> bool:
        """Return whether a decision follows one of its site that has not come yet.

        A party that was killed gets again what it had in hand, behind what was sent later.
        """
        made = Decision.read(envelope.body)
        with self._registry.reading() as connection:
            here = connection.execute(
                sa.select(sa.func.count())
                .select_from(_decisions)
                .where(_decisions.c.study == made.study, _decisions.c.site == made.site)
            ).scalar_one()
        return made.number > here + 1

    def take(self, envelope: Envelope, raw: bytes) -> Decision:
        """Remember the decision that a site's message brings; the same again is no change.

        Args:
            envelope: The message, read by `unseal` with the keys of admitted sites.
            raw: The message as it came.

        Raises:
            MessageRefused: If the decision is not about what its message says, is not the
                site's, or does not follow the site's decisions so far.
            NotApproved: If the study was never proposed.
        """
        agreement = self.agreement(envelope.study)
        made = Decision.read(envelope.body)
        faults = {
            "its message is of another kind": MESSAGE[made.word] != envelope.kind,
            "it is about another study": made.study != envelope.study,
            "its message is from another site": made.site != envelope.sender,
            f"{made.site} is not on the roster": made.site not in agreement.roster,
        }
        for what, wrong in faults.items():
            if wrong:
                raise _refuse(what)
        self._remember(made, raw)
        return made

    def standing(self, study: str) -> list[Standing]:
        """Return where every site of the roster stands, by name.

        A decision about an earlier roster does not count any more.
        """
        agreement = self.agreement(study)
        with self._registry.reading() as connection:
            rows = connection.execute(
                sa.select(_decisions)
                .where(_decisions.c.study == study)
                .order_by(_decisions.c.site, _decisions.c.number)
            ).all()
        last = {row.site: row for row in rows}
        return [
            Standing(site=site, word=row.word, person=row.person, time=row.time)
            if (row := last.get(site)) is not None and row.roster == agreement.fingerprint
            else Standing(site=site)
            for site in sorted(agreement.roster)
        ]

    def approved(self, study: str) -> frozenset[str]:
        """Return the sites that may be asked about `study`; none unless it is started."""
        if self.going(study) != "started":
            return frozenset()
        return frozenset(each.site for each in self.standing(study) if each.word == "approved")

    def going(self, study: str) -> Going:
        """Return whether `study` is proposed, started, paused or stopped."""
        self.agreement(study)
        with self._registry.reading() as connection:
            state: Going = connection.execute(
                sa.select(_proposals.c.state).where(_proposals.c.study == study)
            ).scalar_one()
        return state

    def set_going(self, study: str, to: Going) -> None:
        """Start, pause or stop a study.

        Raises:
            NotApproved: If too few sites have approved it, or it has been stopped.
        """
        terms, now = self.agreement(study).study, self.going(study)
        if to not in _NEXT[now]:
            raise NotApproved(
                f"study {terms.id} is {now} and cannot be {to}",
                why="a stopped study stays stopped, and only a started one can be paused",
                remedy="raise the version in the study file and submit it as a new study"
                if now == "stopped"
                else "nothing is sent before it is started: modelward study start",
            )
        ready = [each.site for each in self.standing(study) if each.word == "approved"]
        if to == "started" and len(ready) < terms.sites.minimum:
            raise NotApproved(
                f"{len(ready)} sites have approved {terms.id}: {', '.join(ready) or 'none'}",
                why=f"the study needs {terms.sites.minimum}",
                remedy="ask the others; each decides with: modelward site approve",
            )
        as_seen = (_proposals.c.study == study) & (_proposals.c.state == now)
        with self._registry.writing() as connection:
            done = connection.execute(sa.update(_proposals).where(as_seen).values(state=to))
        if not done.rowcount:
            self.set_going(study, to)  # somebody else was faster: decide anew

    def _remember(self, made: Decision, raw: bytes) -> None:
        with self._registry.writing() as connection:
            rows = connection.execute(
                sa.select(_decisions.c.number, _decisions.c.body).where(
                    _decisions.c.study == made.study, _decisions.c.site == made.site
                )
            ).all()
            known = {row.number: row.body for row in rows}
            body = canonical_bytes(made.body())
            if known.get(made.number) == body:
                return
            if made.number != len(known) + 1:
                raise _refuse(
                    f"it is number {made.number} of {made.site}, {len(known)} are here"
                )
            connection.execute(
                sa.insert(_decisions).values(
                    study=made.study,
                    site=made.site,
                    number=made.number,
                    word=made.word,
                    roster=made.roster,
                    person=made.person,
                    time=made.time,
                    body=body,
                    message=raw,
                )
            )


def roster_of(study: Study, keys: dict[str, str]) -> dict[str, str]:
    """Return the sites that a study is proposed to: those it names, or every admitted one.

    Args:
        study: The study.
        keys: Admitted site -> its signing key.

    Raises:
        NotApproved: If it names a site that was not admitted, or too few were.
    """
    if not study.sites.names and len(keys) < study.sites.minimum:
        raise NotApproved(
            f"sites that were admitted: {', '.join(sorted(keys)) or 'none'}; study {study.id} "
            f"needs {study.sites.minimum}",
            why="it is proposed to every site that is a member by now, and to none later",
            remedy="admit them first: modelward hub admit HUB REQUEST",
        )
    if not study.sites.names:
        return dict(keys)
    strangers = sorted(set(study.sites.names) - set(keys))
    if strangers:
        raise NotApproved(
            f"study {study.id} names sites that were not admitted: {', '.join(strangers)}",
            why="a roster pins the signing key of every site",
            remedy="admit them first: modelward hub admit REQUEST",
        )
    return {name: keys[name] for name in study.sites.names}


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a decision is refused: {found}",
        why="a decision is taken from its own site, about its own study, in order, once",
        remedy="have the site send its decisions again, the oldest first",
    )

"""Which studies a site has been asked to join, and what its people decided.

    SITE/proposals/STUDY.json          the last proposal of a study: terms and roster
    SITE/decisions/STUDY/0001.json     what a person signed, in order

A person decides at the command line, beside a running node: the decision is a signed file,
and the gatekeeper, which holds the ledger, records it before it counts (`settle`). A study
may go ahead when its last decision is an approval, is signed by somebody whom the policy
names, binds the proposal as it stands, and is the last one in the ledger. So a changed
study, a changed roster and a withdrawal all end it, and so does a decision file that was
removed or put back.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact.card import fingerprint
from modelward.artifact.decision import Decision, Word
from modelward.artifact.envelope import Envelope
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.clock import stamp
from modelward.errors import MessageRefused, NotApproved, StorageError, StudyFileError
from modelward.ledger.log import Ledger
from modelward.site.approving.decision_record import DecisionRecord
from modelward.site.approving.keys import signing_key
from modelward.study.agreement import Agreement, from_body

MOST_PROPOSALS = 1000
"""Proposals that a site keeps: a hub that goes on proposing does not fill its disk."""


class Approvals:
    """The proposals and decisions in a site's folder.

    Args:
        folder: The site's folder.
        site: The site's name.
        approvers: Who may decide: name -> fingerprint of the person's key (the policy's).
    """

    def __init__(self, folder: Path, site: str, approvers: Mapping[str, str]) -> None:
        self._proposals, self._decisions = folder / "proposals", folder / "decisions"
        self._site, self._approvers = site, approvers

    def receive(self, envelope: Envelope) -> Agreement:
        """Keep the proposal in `envelope`, which `unseal` has found to be the hub's.

        Raises:
            MessageRefused: If it is no proposal, or the site is not on its roster.
        """
        agreement = from_body(envelope.body)
        if envelope.kind != "proposal" or envelope.study != agreement.study.sha256:
            raise _refuse("its envelope is about something else")
        if self._site not in agreement.roster:
            raise _refuse(f"{self._site} is not on its roster")
        durable.make_folder(self._proposals)
        path = self._proposals / f"{agreement.study.sha256}.json"
        if not path.exists() and sum(1 for _ in self._proposals.iterdir()) >= MOST_PROPOSALS:
            raise _refuse(f"{MOST_PROPOSALS:,} others are kept already")
        durable.write_whole(path, canonical_bytes(agreement.body()))
        return agreement

    def proposals(self) -> list[Agreement]:
        """Return every proposal, by the study's name and version."""
        found = [self.proposal(path.stem) for path in self._proposals.glob("*.json")]
        return sorted(found, key=lambda each: (each.study.id, each.study.study.version))

    def proposal(self, study: str) -> Agreement:
        """Return the proposal of `study`: its SHA-256, the start of it, or its name.

        Raises:
            NotApproved: If there is none, or several fit.
        """
        paths = sorted(self._proposals.glob("*.json"))
        fitting = [path for path in paths if len(study) >= 6 and path.stem.startswith(study)]  # noqa: PLR2004
        if not fitting:
            fitting = [path for path in paths if _read(path).study.id == study]
        if len(fitting) == 1:
            return _read(fitting[0])
        found = [_read(path).study for path in fitting[:10]]
        listed = ", ".join(f"{s.sha256[:12]} (version {s.study.version})" for s in found)
        raise NotApproved(
            f"{len(fitting)} proposals fit {study[:70]!r}" + (f": {listed}" if listed else ""),
            why="a decision is about exactly one study",
            remedy="list them with: modelward site studies, and name one by the start of its "
            "hash (6 digits or more)",
        )

    def decide(
        self, word: Word, study: str, person: str, key: Ed25519PrivateKey, now: datetime
    ) -> Decision:
        """Sign a decision about a proposed study and keep it for the gatekeeper.

        Args:
            word: What is decided.
            study: As in `proposal`.
            person: Who decides, as the policy spells the name.
            key: That person's key.
            now: The time, with a time zone.

        Raises:
            NotApproved: If this person may not decide, or there is nothing to withdraw.
            StorageError: If it cannot be written.
        """
        agreement = self.proposal(study)
        if self._approvers.get(person) != fingerprint(key.public_key()):
            raise self._stranger(person)
        before = self.decided(agreement.study.sha256)
        if word == "withdrawn" and (not before or before[-1].word != "approved"):
            raise NotApproved(
                f"{self._site} has not approved {agreement.study.id}",
                why="only an approval can be withdrawn",
                remedy="decline the study instead: modelward site decline",
            )
        made = Decision(
            word=word,
            study=agreement.study.sha256,
            roster=agreement.fingerprint,
            site=self._site,
            number=len(before) + 1,
            person=person,
            time=stamp(now),
        ).signed(key)
        where = self._decisions / made.study
        durable.make_folder(where)
        if not durable.write_once(
            where / f"{made.number:04}.json", canonical_bytes(made.body())
        ):
            raise NotApproved(
                f"somebody else has just decided about {agreement.study.id}",
                why="decisions are numbered, and none replaces another",
                remedy="look at it with: modelward site studies, and decide again if needed",
            )
        return made

    def _stranger(self, person: str) -> NotApproved:
        """Return the refusal of a person, or of a key, that the policy does not name."""
        known = person in self._approvers
        listed = ", ".join(sorted(self._approvers)) or "nobody"
        return NotApproved(
            f"{person} may not decide for {self._site} with this key",
            why="policy.toml has another key for this person"
            if known
            else f"policy.toml names who may, each with the fingerprint of a key: {listed}",
            remedy="use the key that modelward site person printed for it, or put that of this "
            "one into policy.toml"
            if known
            else "give the name as it stands there, or add the person under [approvers]: "
            "modelward site person NAME prints what to add",
        )

    def decided(self, study: str) -> list[Decision]:
        """Return the decisions about the study with this SHA-256, oldest first.

        Raises:
            NotApproved: If a file is missing, altered, out of its place, or signed by
                somebody who may not decide here.
        """
        found = []
        for number, path in enumerate(sorted((self._decisions / study).glob("*.json")), 1):
            try:
                made = Decision.read(parse_strict(path.read_bytes(), what="decision"))
            except MessageRefused as error:
                raise _broken(path, error.what) from error
            place = (study, self._site, number)
            if (made.study, made.site, made.number) != place:
                raise _broken(path, "it belongs to another study, site or place")
            if self._approvers.get(made.person) != made.key:
                raise _broken(path, f"{made.person} may not decide here, or not any more")
            found.append(made)
        return found

    def settle(self, record: DecisionRecord) -> list[Decision]:
        """Record in the ledger every decision that is not there yet, and return those."""
        new = [
            made
            for where in sorted(self._decisions.glob("*"))
            for made in self.decided(where.name)[record.count(where.name) :]
        ]
        for made in new:
            record.append(made)
        return new

    def all_decisions(self) -> list[Decision]:
        """Return every decision about every study: what the hub is told on each connection."""
        folders = sorted(self._decisions.glob("*"))
        return [made for where in folders for made in self.decided(where.name)]

    def approved(self, study: str, record: DecisionRecord) -> Agreement:
        """Return what was agreed about the study with this SHA-256.

        Raises:
            NotApproved: Unless the last decision, recorded in the ledger, approves the
                proposal as it stands.
        """
        made = self.decided(study)
        if not made:
            raise _missing(f"{self._site} has not approved study {study[:12]}…")
        last = made[-1]
        if record.count(study) != len(made) or record.last(study) != last.sha256:
            raise _missing(f"the ledger knows other decisions about study {study[:12]}…")
        if last.word != "approved":
            raise _missing(f"{last.person} has {last.word} study {study[:12]}… ({last.time})")
        agreement = self.proposal(study)
        if agreement.fingerprint != last.roster:
            raise _missing(f"the roster of study {study[:12]}… has changed since its approval")
        return agreement


def settle_now(folder: Path, approvals: Approvals, site: str, now: datetime) -> bool:
    """Record decisions in the ledger of a site whose node is not running.

    Returns:
        False if the node is running: it holds the ledger and records them itself.
    """
    try:
        ledger = Ledger.open(
            folder / "ledger",
            origin=f"modelward/{site}",
            private_key=signing_key(folder / "site.key"),
            clock=lambda: now,
        )
    except StorageError:
        return False
    with ledger:
        approvals.settle(DecisionRecord(ledger))
    return True


def _read(path: Path) -> Agreement:
    try:
        return from_body(parse_strict(path.read_bytes(), what="proposal"))
    except (MessageRefused, StudyFileError) as error:
        raise _broken(path, error.what) from error


def _missing(what: str) -> NotApproved:
    return NotApproved(
        what,
        why="a site computes only what one of its people has approved, as it stands",
        remedy="read it with: modelward site show STUDY, then: modelward site approve STUDY",
    )


def _broken(path: Path, what: str) -> NotApproved:
    return NotApproved(
        f"{path} cannot be relied on: {what}",
        why="decisions are signed, numbered and never changed",
        remedy="restore the file from a backup; the ledger holds its hash",
    )


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a proposal is refused: {found}",
        why="a site keeps proposals that are about itself, from its hub",
        remedy="ask the hub to propose the study again",
    )

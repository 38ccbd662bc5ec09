"""A site's part in a sum behind masks: from an answer that its gate has judged to shares.

    mask-keys     the judged answer is kept in the site's folder; keys leave in its place
    mask-shares   sealed shares, for peers under keys that the approvals pinned
    masked        the answer as words, behind masks
    mask-list     a signature under the list of those whose words arrived
    unmask        shares that take off what masks are left

Every exchange is computed from what lies on disk (the judged answer, its entry in the
ledger, the journal of decisions) and from the hub's bundle, which holds everything told so
far; so a site that was killed says the same again. The last state is kept in memory to save
that. The protocol is privacy/masks/site.py's, judging is gate/'s, sending is the door's.

    FOLDER/<sha256>.safetensors          the judged answer
    FOLDER/<study>-<round>-<kind>/...    decisions (privacy/masks/journal.py)
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from modelward.artifact import bundle
from modelward.artifact.store import Store, measure
from modelward.core.canonical import Json, canonical_bytes, parse_strict
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, MaskPhase, Task
from modelward.core.tensors import Schema
from modelward.errors import MaskingFailed
from modelward.gate.door import Door
from modelward.gate.offer import Offer
from modelward.privacy.masks import exchange, site
from modelward.privacy.masks.coded import Code, cut_values, words_of
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.journal import FileJournal
from modelward.privacy.masks.lists import singled_out
from modelward.privacy.masks.messages import Advert, FromSite, Masked, Survivors, ToSite
from modelward.privacy.masks.seat import Seat
from modelward.privacy.masks.session import Session
from modelward.privacy.masks.words import answer_words
from modelward.recipes.layers.draws import draws
from modelward.study.answers import answer_to
from modelward.study.groups import group_of

ENTROPY_BYTES = 32

SENT = "words"
"""What the journal keeps of a question besides decisions: the hash of the masked words."""

LIST = "list"
"""What it keeps as well: the names of the sites over which it signed a sum."""

BEHIND_MASKS: Mapping[str, str | int | float] = {"mechanism": "masks"}
"""The privacy event of an exchange; that of the answer is in the entry that judged it."""


class Masking:
    """What a site does in the exchanges of secure aggregation.

    Args:
        folder: Where judged answers and decisions are kept; made when first needed.
        door: The site's door, with its name, key and ledger.
        entropy: Secret bytes, as many as asked for.
    """

    def __init__(
        self, folder: Path, door: Door, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._folder, self._door, self._entropy = folder, door, entropy
        self._rosters: dict[str, dict[str, str]] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._studies: dict[str, Study] = {}
        self._states: dict[str, site.State] = {}

    def pin(self, study: Study, roster: Mapping[str, str]) -> None:
        """Sum answers to `study` with these sites only: name -> raw public key, hex.

        Where the study has groups (study/groups.py), with those of this site's group.
        """
        self._rosters[study.sha256] = dict(roster)
        self._groups[study.sha256] = group_of(study, roster, self._door.site)
        self._studies[study.sha256] = study

    def keys(self, judged: Offer) -> Offer:
        """Return what leaves in place of an answer that was judged: keys of this question.

        Raises:
            MaskingFailed: If this round has another question of the kind, or the roster is
                too small or does not pin this site's key.
            BadUpdate: If the answer does not fit into a sum over this roster.
            StorageError: If the answer cannot be kept.
        """
        session = self._session(judged.asked, judged.schema)
        words = self._words(judged)
        Store(self._folder).put(judged.tensors, judged.schema)
        state, advert = self._begin(session, judged.asked, words)
        self._states = {judged.asked.question.id: state}  # of one question at a time
        return _in_place(judged, session, advert)

    def following(self, task: Task, study: Study, models: Store) -> Offer:
        """Return what leaves in an exchange after `mask-keys`.

        Args:
            task: The exchange.
            study: Its study.
            models: Where the hub's bundle has been put.

        Raises:
            MaskingFailed: If no keys of this question have left, or the hub's bundle asks
                for something that would show what masks must hide.
            BadArtifact: If the bundle is not what the exchange needs.
            StorageError: If the bundle or the judged answer cannot be read.
        """
        entry = self._judged(task)
        _, schema = answer_to(study, task.kind)
        session = self._session(task, schema)
        wanted = exchange.told_schema(session, _phase_of(task))
        heard = models.tensors(str(task.told), wanted)
        messages = exchange.read_told(session, self._door.site, heard)
        judged = Offer(
            task=task,
            kind=_phase_of(task),
            tensors=Store(self._folder).tensors(str(entry["plaintext"]), schema),
            patients=int(str(entry["patients"])),
            schema=schema,
            privacy=BEHIND_MASKS,
        )
        last = messages[-1]
        if isinstance(last, Survivors):
            self._require_no_difference(task, study, last.names)
        state = self._states.get(task.question.id)
        if state is None or state.waits_for is not type(last):
            state = self._again(session, judged, messages[:-1])
        state, said = site.step(state, last)
        if isinstance(last, Survivors):
            self._journal(task).once(LIST, canonical_bytes(list(last.names)))
        self._states = {task.question.id: state}
        offer = _in_place(judged, session, said)
        if isinstance(said, Masked):
            words = measure(bundle.encode(offer.tensors, offer.schema))[0]
            self._journal(task).once(SENT, words.encode())
            return replace(offer, cut=self._cut(judged))
        return offer

    def _require_no_difference(self, task: Task, study: Study, names: tuple[str, ...]) -> None:
        """Return if sums over this list and those signed before show no single site.

        A study with a quorum has said, and its sites have approved, that sites may be away.

        Raises:
            MaskingFailed: If they would.
        """
        if study.plan.quorum is not None:
            return
        kept = self._folder.glob(f"{task.study}-*-{task.kind}/{LIST}")
        before = [parse_strict(path.read_bytes(), what="a list of sites") for path in kept]
        shown = singled_out([names, *(each for each in before if isinstance(each, list))])
        if shown:
            raise MaskingFailed(
                f"the sums of {task.kind!r} over these sites and over those before would show"
                f" the numbers of {', '.join(shown)}",
                why="lists that differ by one site differ by its numbers, and the study has no"
                " quorum: it waits for the same sites in every round",
                remedy="find out who is missing, and submit a new version of the study",
            )

    def left(self, question: Task) -> tuple[str, int] | None:
        """Return the SHA-256 of the masked words that left, and 0 units; None if none did."""
        kept = self._journal(question).kept(SENT)
        return None if kept is None else (kept.decode(), 0)

    def _journal(self, task: Task) -> FileJournal:
        return FileJournal.of(self._folder, task.question)

    def _again(self, session: Session, judged: Offer, told: tuple[ToSite, ...]) -> site.State:
        """Return the state in which this site stood after it was `told` so much."""
        words = self._words(judged)
        state, _ = self._begin(session, judged.asked, words)
        for message in told:
            state, _ = site.step(state, message)
        return state

    def _begin(self, session: Session, task: Task, words: Words) -> tuple[site.State, Advert]:
        seat = Seat(session, self._door.site, self._door.key, words, self._journal(task))
        return site.begin(seat, self._entropy(ENTROPY_BYTES))

    def _judged(self, task: Task) -> Mapping[str, Json]:
        """Return the ledger's entry of the exchange in which the answer was judged."""
        entry = self._door.ledger.find(task.exchange(MASK_PHASES[0], None).id)
        if entry is None or entry["kind"] != "release":
            raise MaskingFailed(
                f"{task.phase} is asked of {self._door.site}, which gave no keys",
                why="a site takes part in a sum from its first exchange on, or not at all",
                remedy="end the round here; the others go on without this site",
            )
        return entry

    def _words(self, judged: Offer) -> Words:
        """Return an answer as words, of which every site's can be added without wrapping.

        Updates are coded here, after the gate has judged them plain, where the study says so.
        A site that is asked again draws the same numbers, so it masks the same words.
        """
        task = judged.asked
        everybody, code = len(self._rosters.get(task.study, {})), self._code(task)
        if code is None:
            return answer_words(judged.tensors, judged.schema, judged.patients, everybody)
        seed = self._studies[task.study].plan.seed
        return words_of(
            judged.schema.join(judged.tensors),
            judged.patients,
            code,
            (len(self._groups[task.study]), everybody),
            draws("uplink", seed, task.round_no, self._door.site),
        )

    def _cut(self, judged: Offer) -> int | None:
        """Return how many values the words say were cut; None without a code."""
        code = self._code(judged.asked)
        if code is None:
            return None
        return cut_values(judged.schema.join(judged.tensors), code)

    def _code(self, task: Task) -> Code | None:
        study = self._studies.get(task.study)
        return None if study is None else Code.of(study, task.kind)

    def _session(self, task: Task, schema: Schema) -> Session:
        """Return the session of this site's group; with a single group, of the roster."""
        roster = self._rosters.get(task.study, {})
        group = self._groups.get(task.study, ())
        pinned = {name: roster[name] for name in group}
        return exchange.session_of(task.question, schema, pinned, self._code(task))


def _phase_of(task: Task) -> MaskPhase:
    if task.phase is None:
        raise AssertionError("Hospital.answer sends only exchanges here")
    return task.phase


def _in_place(judged: Offer, session: Session, said: FromSite) -> Offer:
    """Return what is said in an exchange, as the offer that leaves in place of `judged`."""
    phase = _phase_of(judged.asked)
    return replace(
        judged,
        kind=phase,
        tensors=exchange.said(session, said),
        schema=exchange.said_schema(session, phase),
    )

"""The studies of a running hub: proposed, decided, run, and told about.

    submit (cli) -> proposal to every site -> decisions come back -> start (cli) -> rounds
    -> a transcript of each round to every site that takes part

Everything that a person wants of a running hub is in its registry: commands write there,
and the node looks every second. Several studies run at once, each in a thread of its own;
one that cannot go on rests, and is tried again when a site or a person decides otherwise.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact.card import fingerprint
from modelward.artifact.envelope import Envelope
from modelward.core.study import Study
from modelward.engines.jetstream.at_hub import resting
from modelward.engines.jetstream.at_hub.clockwork import Clockwork
from modelward.engines.jetstream.at_hub.hub_end import JetStream
from modelward.engines.jetstream.at_hub.resting import REST_S, Rest
from modelward.engines.jetstream.at_hub.witnessing import Witnessing
from modelward.engines.jetstream.journal import Journal
from modelward.errors import ModelwardError, StorageError
from modelward.hub import statements
from modelward.hub.consent import Consent
from modelward.hub.consenting import Consenting
from modelward.hub.late import is_over
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.hub.transcript import of_round
from modelward.joining.hub_folder import HubFolder
from modelward.study.agreement import Agreement

AT_ONCE = 4
"""Studies that run at the same time."""

Watch = Callable[[Study, Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How studies are served.

    Attributes:
        watch: Is shown the progress of each study.
        at_once: Studies that run at the same time.
        unasked: Start a study as soon as every site has approved it; else a person does.
    """

    watch: Watch = lambda *_: None
    at_once: int = AT_ONCE
    unasked: bool = False


class Studies:
    """Serves studies over an engine.

    Args:
        engine: The wire.
        registry: The hub's registry.
        folder: The hub's folder.
        members: Who has access now, and their signing keys; looked up anew.
        journal: Is told what happens.
        manner: How they are served.
    """

    def __init__(
        self,
        engine: JetStream,
        registry: Registry,
        folder: HubFolder,
        members: Mapping[str, Ed25519PublicKey],
        journal: Journal,
        manner: Manner,
    ) -> None:
        self._engine, self._registry = engine, registry
        self._folder, self._members = folder, members
        self._journal, self._manner = journal, manner
        self.consent = Consent(registry)
        self._hands = ThreadPoolExecutor(manner.at_once, thread_name_prefix="study")
        self._running: dict[str, Future[None]] = {}
        self._resting: dict[str, Rest] = {}
        self._over: set[str] = set()
        self._proposed: set[tuple[str, str, str]] = set()
        self._stopping = False
        self._witnessing: Witnessing | None = None
        engine.arrivals.on_message = self._decision
        engine.arrivals.is_over = self._is_over
        engine.may_go_on = lambda study: (
            not self._stopping and self.consent.going(study) == "started"
        )

    def witnessed_by(self, witnessing: Witnessing) -> None:
        """Have the members witness each other's ledgers from now on."""
        self._witnessing = witnessing

    def finish(self, pause_s: float) -> None:
        """Wait until what was recorded last has been witnessed; see witnessing.py."""
        if self._witnessing is not None:
            self._witnessing.finish(pause_s)

    def look(self) -> None:
        """Send proposals and mail that sites do not have, and run what is to be run.

        Raises:
            EngineFailed: If the wire does not serve any more.
        """
        self._engine.require_serving()
        if self._witnessing is not None:
            self._witnessing.look()
        for agreement in self.consent.agreements():
            going = self.consent.going(agreement.study.sha256)
            over = self._registry.finished(agreement.study) is not None
            if going != "stopped" and not over:
                self._propose(agreement)
            if going == "proposed" and self._manner.unasked and self._all_agree(agreement):
                self.consent.set_going(agreement.study.sha256, "started")
                going = "started"
            if going == "started" and not over:
                self._run_unless_running(agreement)
            if going == "stopped" or over:
                self._tidy(agreement.study.sha256)

    def left(self) -> list[str]:
        """Return the studies that are neither finished nor stopped, by SHA-256."""
        return [
            each.study.sha256
            for each in self.consent.agreements()
            if self._registry.finished(each.study) is None
            and self.consent.going(each.study.sha256) != "stopped"
        ]

    def failed(self) -> ModelwardError | None:
        """Return what stands in the way of a study that rests, or None."""
        return next((rest.error for rest in self._resting.values()), None)

    def close(self) -> None:
        """Have every study end what it waits for, and wait for that."""
        self._stopping = True
        self._hands.shutdown(cancel_futures=True)

    def _all_agree(self, agreement: Agreement) -> bool:
        standing = self.consent.standing(agreement.study.sha256)
        return all(each.word == "approved" for each in standing)

    def _propose(self, agreement: Agreement) -> None:
        """Send a proposal to every site of its roster, once while this process lives."""
        study = agreement.study.sha256
        due = [
            site
            for site in sorted(self._sites(agreement))
            if (study, agreement.fingerprint, site) not in self._proposed
        ]
        if due:
            self._engine.tell(due, "proposal", study, 0, agreement.body())
            self._proposed |= {(study, agreement.fingerprint, site) for site in due}
            self._journal("proposed", study=study, id=agreement.study.id, sites=len(due))

    def _sites(self, agreement: Agreement) -> set[str]:
        """Return the sites of a roster that are members with the key that it pins."""
        return {
            site
            for site, key in dict(self._members).items()
            if agreement.roster.get(site) == fingerprint(key)
        }

    def _askable(self, agreement: Agreement) -> set[str]:
        """Return the sites of a roster that are asked: no alarm stands about their ledgers."""
        stopped = set() if self._witnessing is None else self._witnessing.stopped()
        return self._sites(agreement) - stopped

    def _decision(self, raw: bytes, envelope: Envelope) -> bool:
        """Take in mail of a witness, or what a site's people decided; in a wire's thread.

        Returns:
            False for a decision that came before the one it follows, as after a kill: it
            comes again.

        Raises:
            MessageRefused: If it is no mail, or no decision that can count.
            NotApproved: If it is about a study that was never proposed.
        """
        if envelope.kind == "witness" and self._witnessing is not None:
            self._witnessing.hear(envelope)
            return True
        if envelope.kind == "readiness":
            agreement = self.consent.agreement(envelope.study)
            statements.take(self._folder.path, agreement, envelope, self._key(envelope.sender))
            self._journal("readiness", site=envelope.sender, study=envelope.study)
            return True
        if self.consent.awaits_another(envelope):
            return False
        made = self.consent.take(envelope, raw)
        self._journal("decision", site=made.site, study=made.study, word=made.word)
        return True

    def _is_over(self, envelope: Envelope) -> bool:
        """Return whether the round that an answer belongs to has been committed."""
        with suppress(ModelwardError):
            study = self.consent.agreement(envelope.study).study
            return is_over(self._registry, study, envelope)
        return False

    def _run_unless_running(self, agreement: Agreement) -> None:
        study = agreement.study.sha256
        running = self._running.get(study)
        if running is not None and not running.done():
            return
        rest = self._resting.get(study)
        if rest is not None and (
            time.monotonic() < rest.until and rest.decided == self._decided(study)
        ):
            return
        if running is not None:
            running.result()  # what is not a ModelwardError is a fault of ours: stop loudly
        self._resting.pop(study, None)
        self._running[study] = self._hands.submit(self._run, agreement)

    def _tidy(self, study: str) -> None:
        """Clear away what only a study that goes on needs; once, when nothing runs of it."""
        running = self._running.get(study)
        if study in self._over or not (running is None or running.done()):
            return
        self._engine.over(study)
        resting.forget(self._registry.folder, study)
        self._over.add(study)

    def _decided(self, study: str) -> object:
        return self.consent.going(study), self.consent.standing(study)

    def _run(self, agreement: Agreement) -> None:
        """Run one study from where it stands to its end, or until it cannot go on."""
        study, clockwork = agreement.study, Clockwork()
        decided, before = self._decided(study.sha256), self._engine.traffic
        self._journal("study", study=study.sha256, id=study.id)
        try:
            outcome = self._hub(agreement, clockwork).run(study)
        except ModelwardError as error:
            self._journal(
                "study-rests",
                study=study.sha256,
                error=type(error).__name__,
                said=error.what[:200],
            )
            self._resting[study.sha256] = Rest(time.monotonic() + REST_S, decided, error)
            if not self._stopping and self.consent.going(study.sha256) == "started":
                resting.note(self._registry.folder, study.sha256, error, self._engine.clock())
            return
        self._journal("study-finished", study=study.sha256, model=outcome.sha256)
        path = self._registry.folder / "studies" / f"{study.sha256}.wire"
        clockwork.write(path, before, self._engine.traffic)

    def _hub(self, agreement: Agreement, clockwork: Clockwork) -> Hub:
        """Return a hub that asks those of the roster who are members and have approved."""
        study = agreement.study

        def seen(progress: Progress) -> None:
            clockwork.see(progress)
            if progress.finished is not None:
                resting.forget(self._registry.folder, study.sha256)
            self._manner.watch(study, progress)

        engine = Consenting(
            self._engine, self.consent, admitted=partial(self._askable, agreement)
        )
        return Hub(
            engine,
            self._registry,
            {site: self._key(site) for site in agreement.roster},
            watch=seen,
            publish=self._publish,
        )

    def _key(self, site: str) -> Ed25519PublicKey:
        """Return the key that a site was admitted with, also if it was removed since."""
        member = self._folder.member(site)
        if member is None:
            raise StorageError(
                f"members/{site}.json is missing",
                why="the roster of a study names the site, and its key lies there",
                remedy="restore it from a backup",
            )
        return member.signing

    def _publish(self, study: Study, round_no: int) -> None:
        """Tell the sites that take part what the hub did in a round, signed.

        What others are to see of a round before the next one begins goes out from here.
        """
        agreement = self.consent.agreement(study.sha256)
        sites = self._sites(agreement) & self.consent.approved(study.sha256)
        body = of_round(self._registry, study, round_no).body()
        self._engine.tell(sorted(sites), "transcript", study.sha256, round_no, body)

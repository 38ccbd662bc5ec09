"""A site that runs: its gatekeeper, and its end of the wire.

    proposals, transcripts, mail in -> gatekeeper; decisions of its people, mail out -> hub
    task -> gatekeeper -> answer

The gatekeeper decides everything; this file only connects it. Decisions are made beside the
running node, as signed files (`modelward site approve`), and found within a second.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from modelward.artifact.decision import MESSAGE
from modelward.artifact.envelope import Envelope
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_site.news import News
from modelward.engines.jetstream.at_site.site_end import SiteEnd
from modelward.engines.jetstream.at_site.site_state import policy_digest
from modelward.engines.jetstream.journal import Journal
from modelward.errors import MessageRefused, ModelwardError, NotCompared, StorageError
from modelward.gate.policy_file import read_policy
from modelward.hub.statements import body_of
from modelward.joining.site_folder import SiteFolder
from modelward.ledger.mail import NO_STUDY
from modelward.site.approving.readiness import FOLDER
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.rooms.direct import Trainer

COMPARE_S = 10.0
"""A site whose hub is no witness, or a very slow one, goes on after this."""


class SiteNode:
    """A running site.

    Args:
        path: Its folder.
        journal: Is told what happens.
        now: The time.
        url: Where to dial instead of the hub's own address, such as a local tunnel; who
            answers there must still be the hub's server.
        trainer: Who computes; isolated as the policy says if absent.
        compare_s: How long it holds tasks back until the hub has said, as a witness, what
            it knows of the site's ledger.

    Raises:
        NotAdmitted: If it has not joined, or its certificate cannot be used now.
        GateRefused: If its policy cannot be used as written.
        IsolationUnavailable: If the trainer cannot be kept apart as the policy asks.
        StorageError: If another process serves this folder.
    """

    def __init__(
        self,
        path: Path,
        journal: Journal,
        now: Callable[[], datetime],
        *,
        url: str | None = None,
        trainer: Trainer | None = None,
        compare_s: float = COMPARE_S,
    ) -> None:
        self.folder, self._journal = SiteFolder(path), journal
        self.folder.check(now())
        dialled = folders.site_identity(self.folder)
        if url is not None:
            dialled = replace(dialled, url=url)
        in_force = policy_digest(path)
        policy = read_policy(path / "policy.toml")
        self.keeper = Gatekeeper(path, self.folder.name, policy, clock=now, trainer=trainer)
        self.keeper.by_majority = compare_s > 0
        self._found: list[Path] = []
        self._news: list[News] = []
        self._checked: dict[Path, bytes] = {}
        self._stated: list[News] = []
        self._waits = ""
        self.end = SiteEnd(
            self.keeper, dialled, self.folder.key, self.folder.hub_key, path, journal
        )
        self.end.presence.policy = in_force
        self.end.may_answer = self.keeper.mailbag.compared_since(compare_s)
        self.end.on_message = self._hear
        self.end.on_refused = self._refused
        self.end.on_certificate = lambda pem: self.folder.renew(pem, now())
        self.end.on_stop = self.keeper.interrupt
        self.end.telling.news = self._all_news

    def serve(self) -> None:
        """Serve until `stop` is called. Blocks."""
        try:
            self.end.run()
        finally:
            self.keeper.close()

    def stop(self) -> None:
        """End `serve`, from any thread or from a signal; a task in hand comes again."""
        self.end.stop()

    def _hear(self, _: bytes, envelope: Envelope) -> None:
        """Give a message of the hub to the gatekeeper.

        Raises:
            MessageRefused: If it is not one that a hub sends to a site, or does not fit.
            NotApproved: If it is a transcript of a study that was not approved.
        """
        if envelope.kind == "proposal":
            agreement = self.keeper.receive(envelope)
            self._journal("proposal", study=envelope.study, id=agreement.study.id)
        elif envelope.kind == "transcript":
            self.keeper.hear_transcript(envelope)
            self._journal("transcript", study=envelope.study, round=envelope.round_no)
        elif envelope.kind == "witness":
            self.keeper.mailbag.hear(envelope.body)
        else:
            raise MessageRefused(
                f"the hub sent a message of kind {envelope.kind}",
                why="a hub proposes, asks, and says what it did; decisions are for sites",
                remedy="ask the hub's operator",
            )

    def _refused(self, error: ModelwardError) -> None:
        """Have a message that did not even come to the gatekeeper in its ledger."""
        if isinstance(error, MessageRefused):
            self.keeper.note_refused("", error)

    def _all_news(self) -> list[News]:
        """Return mail for its witnesses, and the decisions of this site's people.

        Decisions are recorded once the ledger was held against what the witnesses know. If
        they cannot be, what stands in the way is raised at the next look that has no mail:
        mail is handed out once, and must not be lost for it.
        """
        body = self.keeper.mailbag.out()
        mail = [] if body is None else [News(kind="witness", study=NO_STUDY, body=body)]
        if not self.end.may_answer():
            return mail
        try:
            return [*mail, *self._decisions(), *self._statements()]
        except ModelwardError:
            if not mail:
                raise
            return mail

    def _statements(self) -> list[News]:
        """Return what the hub may know of how this site's data fit what was proposed.

        What waits for witnesses is looked for again; their mail must not wait for it.
        """
        found = {path: path.read_bytes() for path in (self.folder.path / FOLDER).glob("*.json")}
        if found == self._checked:
            return self._stated
        try:
            made = self.keeper.statements()
        except (NotCompared, StorageError) as error:
            self._wait(error)
            return self._stated
        self._stated = [
            News(kind="readiness", study=study, body=body_of(artifact))
            for study, artifact in made
        ]
        self._checked = found
        return self._stated

    def _wait(self, error: ModelwardError) -> None:
        """Say once, not every second, why statements wait."""
        if self._waits != error.what:
            self._waits = error.what
            self._journal("statement-postponed", error=type(error).__name__)

    def _decisions(self) -> list[News]:
        """Return every decision of this site's people, recorded in its ledger."""
        found = sorted((self.folder.path / "decisions").glob("*/*.json"))
        if found != self._found:
            self.keeper.settle()
            self._news = [
                News(kind=MESSAGE[made.word], study=made.study, body=made.body())
                for made in self.keeper.approvals.all_decisions()
            ]
            self._found = found
        return self._news

"""Training for approved studies in processes that are kept apart: the production trainer.

For every study: the cohort is extracted once, by another process (extractor.py), and a
workroom is kept open while tasks of the study come. This process opens no data.
"""

import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.errors import DataError, IsolationUnavailable
from modelward.gate.policy import Device, Isolation
from modelward.site.answering.answer import Computed
from modelward.site.budget.spending import Booked
from modelward.site.isolation.snapshot import CohortFacts, read_facts
from modelward.site.isolation.view import PACKAGES, unavailable
from modelward.site.rooms.extractor import want
from modelward.site.rooms.workroom import Workroom

SOCKETS = ("trainer.sock", "inspector.sock")
"""Where units listen that are started for the gatekeeper."""

OPEN_ROOMS = 2
"""Trainers kept running at once; each holds one cohort in memory."""

PATIENCE_S = 600.0
"""Seconds that an extractor may take."""


class IsolatedTrainer:
    """Trains in separate processes.

    Args:
        folder: The site's folder.
        site: The site's name.
        isolation: What the policy asks for.
        device: Where the policy lets networks be trained.

    Attributes:
        on_cohort: Is told of a cohort before its first task is computed.

    Raises:
        IsolationUnavailable: If this machine cannot keep the trainer apart as asked.
    """

    def __init__(
        self, folder: Path, site: str, isolation: Isolation, device: Device = "cpu"
    ) -> None:
        self._folder, self._site, self._isolation = folder, site, isolation
        self._device = device
        self._stopped = Event()
        self._extracting: subprocess.Popen[bytes] | None = None
        self._rooms: OrderedDict[str, Workroom] = OrderedDict()
        self.on_cohort: Callable[[CohortFacts], None] = lambda _: None
        require(folder, isolation)

    def compute(
        self,
        task: Task,
        study: Study,
        models: Store,
        booked: Booked | None = None,
        kept: Tensors | None = None,
    ) -> Computed:
        """Return what the trainer offers for `task` of `study`; see site/hospital.py.

        Raises:
            DataError: If the data do not fit the study; the extractor's words stay here.
            TrainingFailed: If the trainer failed.
            StorageError: If the model cannot be handed in.
        """
        room = self._rooms.pop(study.sha256, None)
        if room is None:
            facts = self.prepare(study)
            self.on_cohort(facts)
            room = Workroom(
                self._folder, self._site, study, facts, self._isolation, self._device
            )
        self._rooms[study.sha256] = room
        while len(self._rooms) > OPEN_ROOMS:
            self._rooms.popitem(last=False)[1].close()
        return room.compute(task, models, booked, kept)

    def facts(self, study: Study) -> CohortFacts:
        """Return what may be known of the cohort of `study`; see `prepare`."""
        return self.prepare(study)

    def prepare(self, study: Study) -> CohortFacts:
        """Have the cohort of `study` extracted unless it is there; return its figures.

        Raises:
            DataError: If the extractor could not.
        """
        known = read_facts(self._folder, study.sha256)
        if known is not None:
            return known
        want(self._folder, study)
        if self._isolation == "systemd":
            self._wait(lambda: read_facts(self._folder, study.sha256) is not None)
        else:
            self._extract()
        facts = read_facts(self._folder, study.sha256)
        if facts is None:
            raise DataError(
                f"{self._site} has no cohort for study {study.id!r}",
                why="the extractor did not finish; what it found is about patients and stays",
                remedy="read, at the site, journalctl -u modelward-extractor"
                if self._isolation == "systemd"
                else f"read {self._folder / 'extractor.log'} at the site",
            )
        return facts

    def pids(self) -> list[int]:
        """Return the process ids of the trainers that are running as children."""
        return [room.pid for room in self._rooms.values() if room.pid is not None]

    def stop(self) -> None:
        """End what is being computed, from any thread, for good."""
        self._stopped.set()
        if self._extracting is not None:
            self._extracting.kill()  # its wish stays, and is answered another time
        for room in list(self._rooms.values()):
            room.stop()

    def close(self) -> None:
        """End every trainer."""
        for room in self._rooms.values():
            room.close()
        self._rooms.clear()

    def _extract(self) -> None:
        """Run the extractor over all wishes, as a process of its own."""
        with (
            durable.open_log(self._folder / "extractor.log") as log,
            subprocess.Popen(  # noqa: S603 - our interpreter, and arguments of our own
                [sys.executable, "-P", "-s", "-m", "modelward.site.rooms.extractor",
                 str(self._folder.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PYTHONPATH": str(PACKAGES), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            ) as self._extracting,
        ):  # fmt: skip
            if self._stopped.is_set():
                self._extracting.kill()
            with suppress(subprocess.TimeoutExpired):
                self._extracting.wait(PATIENCE_S)
            self._extracting.kill()  # no more than a word if it has ended
        self._extracting = None

    def _wait(self, there: Callable[[], bool]) -> None:
        """Wait until another unit has done what was asked of it, or this is stopped."""
        end = monotonic() + PATIENCE_S
        while not there() and monotonic() < end and not self._stopped.wait(0.2):
            pass


def require(folder: Path, isolation: Isolation) -> None:
    """Refuse to start where the trainer cannot be kept apart as the policy asks.

    Raises:
        IsolationUnavailable: With the kernel's own words.
    """
    if isolation == "none":
        return
    if isolation == "systemd":
        missing = [each for each in SOCKETS if not (folder / each).is_socket()]
        reason = f"no unit listens at {' and '.join(missing)}" if missing else None
    else:
        scratch = folder / "workroom" / "attempt"
        durable.make_folder(scratch)
        reason = unavailable(scratch)
    if reason is not None:
        raise IsolationUnavailable(
            f"this machine cannot keep the trainer apart: {reason}",
            why="the trainer reads patients' data, so it gets no network and no other files",
            remedy="systemctl start modelward-trainer.socket modelward-inspector.socket"
            if isolation == "systemd"
            else "allow user namespaces (Linux 5.12 or newer, user.max_user_namespaces > 0),"
            ' or accept less with isolation = "none" in policy.toml',
        )

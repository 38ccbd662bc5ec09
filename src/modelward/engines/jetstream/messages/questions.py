"""What the hub is asking at the moment, and what it has stopped asking.

The asker waits in its own thread, answers arrive in the wire's: a queue is between them.
Several studies are asked at once, each in a thread, so what is open and closed has a lock.
"""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelward.artifact.envelope import Envelope
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.errors import ModelwardError


@dataclass(slots=True)
class Question:
    """A task that is being asked.

    Attributes:
        task: The task.
        missing: Sites whose answer has not been given to the asker.
        arrived: Answers, or an error that ends the asking.
        sent: Sites whose server has the task, where it is asked for longer than one listens.
    """

    task: Task
    missing: set[str]
    arrived: "queue.SimpleQueue[Answer | ModelwardError]" = field(
        default_factory=queue.SimpleQueue
    )
    sent: set[str] = field(default_factory=set)


class Questions:
    """Open and closed questions, by the id of their task."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._closed: dict[str, Task] = {}
        self._lock = threading.Lock()

    @contextmanager
    def asking(self, task: Task, sites: Sequence[str]) -> Iterator[Question]:
        """Keep a question open for the length of a block."""
        question = Question(task, set(sites))
        with self._lock:
            self._forget(task.study, task.round_no)
            self._closed.pop(task.id, None)
            self._open[task.id] = question
        try:
            yield question
        finally:
            with self._lock:
                self._open.pop(task.id, None)
                self._closed[task.id] = task

    def standing(self, asked: Mapping[str, Task]) -> list[Question]:
        """Return the questions of sites that are asked different ones, all into one queue.

        They stay open when nobody listens, until the next call says that they are closed.

        Args:
            asked: Site -> its task; all of one study, and every one that is open in it.
        """
        with self._lock:
            return self._standing(asked)

    def _standing(self, asked: Mapping[str, Task]) -> list[Question]:
        study = next(iter(asked.values())).study
        old = {q.task.id: q for q in list(self._open.values()) if q.task.study == study}
        arrived: queue.SimpleQueue[Answer | ModelwardError] = queue.SimpleQueue()
        found: dict[str, Question] = {}
        for site, task in sorted(asked.items()):
            if task.id not in found:
                sent = old[task.id].sent if task.id in old else set[str]()
                found[task.id] = Question(task, set(), arrived, sent)
            found[task.id].missing.add(site)
        self._forget(study, min(task.round_no for task in asked.values()))
        self._open.update(found)
        for each in old.keys() - found.keys():
            self._closed[each] = self._open.pop(each).task
        return list(found.values())

    def _forget(self, study: str, round_no: int) -> None:
        """Forget what was closed in earlier rounds of a study."""
        self._closed = {
            known: closed
            for known, closed in self._closed.items()
            if closed.study != study or closed.round_no >= round_no
        }

    def get(self, task: str) -> Question | None:
        """Return the open question with this task id, or None."""
        return self._open.get(task)

    def is_past(self, task: str, envelope: Envelope) -> bool:
        """Return whether the question that a message answers has been closed."""
        return task in self._closed or any(
            question.task.study == envelope.study and question.task.round_no > envelope.round_no
            for question in list(self._open.values())
        )

    def models(self) -> set[str]:
        """Return the bundles that travel with what is being asked."""
        return {question.task.brings or "" for question in list(self._open.values())}

    def fail(self, error: ModelwardError) -> None:
        """End every asking with `error`."""
        for question in list(self._open.values()):
            question.arrived.put(error)

"""The only way from a study to its sites: an engine that asks those that have approved it.

It stands between hub/run.py and a wire, and answers for all others that they refuse.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from modelward.core.ports import Engine
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal
from modelward.errors import NotApproved
from modelward.hub.buffered import gathered
from modelward.hub.consent import Consent


class Consenting:
    """An engine that reaches only sites which have approved the study.

    Args:
        engine: The engine behind it.
        consent: Who has approved what; looked up before every task.
        admitted: The sites that are members, with the key that the roster pins; all of the
            roster if absent.
    """

    def __init__(
        self,
        engine: Engine,
        consent: Consent,
        *,
        admitted: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self._engine, self._consent, self._admitted = engine, consent, admitted

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`. Those without approval refuse at once.

        Raises:
            NotApproved: Unless the study is started: a paused one asks nobody, and a round
                that nobody could answer must not be closed.
        """
        allowed = self._allowed(task)
        for site in sites:
            if site not in allowed:
                yield Refusal(site, task.id)
        asked = [site for site in sites if site in allowed]
        if asked:
            yield from self._engine.ask(task, asked, deadline_s=deadline_s)

    def gather(
        self, asked: Mapping[str, Task], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask each site its own task; see `core.ports.Unhurried`, and `ask`.

        Raises:
            NotApproved: As `ask`.
        """
        allowed = self._allowed(next(iter(asked.values())))
        for site, task in asked.items():
            if site not in allowed:
                yield Refusal(site, task.id)
        due = {site: task for site, task in asked.items() if site in allowed}
        if due:
            yield from gathered(self._engine, due, deadline_s)

    def _allowed(self, task: Task) -> frozenset[str]:
        """Return who may be asked `task`.

        Raises:
            NotApproved: Unless its study is started.
        """
        going = self._consent.going(task.study)
        if going != "started":
            raise NotApproved(
                f"study {task.study[:12]}… is {going}",
                why="tasks are sent only while a study is started",
                remedy="start it: modelward study start STUDY --hub HUB",
            )
        allowed = frozenset(self._consent.approved(task.study))
        return allowed if self._admitted is None else allowed & frozenset(self._admitted())

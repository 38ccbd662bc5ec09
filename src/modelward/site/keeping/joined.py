"""The studies that a site takes part in: a task of any other is refused."""

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.errors import GateRefused


class Joined:
    """Studies by their hash.

    Args:
        site: The site's name.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._studies: dict[str, Study] = {}

    def add(self, study: Study) -> None:
        """Take part in `study` from now on."""
        self._studies[study.sha256] = study

    def of(self, task: Task) -> Study:
        """Return the study that `task` belongs to.

        Raises:
            GateRefused: If the site takes no part in it.
        """
        study = self._studies.get(task.study)
        if study is None:
            raise GateRefused(
                f"{self._site} takes no part in study {task.study[:12]}…",
                why="a site answers only for studies that it has joined",
                remedy="ask the site to join the study first",
            )
        return study

"""What a simulation is doing, for whoever watches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of progress.

    Attributes:
        name: What is being done, such as `heart-disease`.
        done: Finished rounds or models.
        total: How many there are at most.
        answered: Sites that have answered the current task.
        asked: Sites that were asked; 0 where nobody is.
        metric: Name and latest value of the watched metric.
        latest: What was finished last, in words; "" where rounds are counted.
    """

    name: str
    done: int
    total: int
    answered: int = 0
    asked: int = 0
    metric: tuple[str, float] | None = None
    latest: str = ""

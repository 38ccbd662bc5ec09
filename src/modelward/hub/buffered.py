"""Rounds that wait for as many answers as a buffer holds, from whoever has them (FedBuff).

    who is asked what    every site has one question open: that of the round after its last
                         answer went in; until then it stays asked, also over many rounds
    a round              ends when `plan.buffer.size` answers have come; the rest work on
    how late             the round minus the round whose question was answered
    one step             aggregate/fedbuff.py, then the server optimiser of the plan

Which question is open follows from the finished rounds alone, so a hub that was killed asks
the same again. Who has answered first decides what goes into a round; that is committed with
the round, told in its transcript, and nothing else depends on time. In process the order of
arrival is an argument.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing

import numpy as np

from modelward.aggregate import fedbuff, server_opt
from modelward.core.ports import Engine, Unhurried
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32
from modelward.core.verdict import Answer, Release
from modelward.errors import QuorumNotMet
from modelward.hub.apart import Apart
from modelward.hub.averaging import ROUNDS
from modelward.hub.round import Arrays, RoundRecord
from modelward.hub.standing import AnswerRow

Order = Callable[[Mapping[str, Task]], Sequence[str]]
"""Site -> its open question, to the sites in the order in which they answer."""


def first_asked(asked: Mapping[str, Task]) -> Sequence[str]:
    """Return the sites in the order in which they were asked, by name within a round."""
    return sorted(asked, key=lambda site: (asked[site].round_no, site))


class Buffered:
    """Running sums of updates, one for each round whose question they answer.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self._apart = Apart(study)

    def add(self, release: Release) -> None:
        """Add one update.

        Raises:
            BadUpdate: If it is off the grid or out of range.
        """
        self._apart.add(release, release.artifact.card.round_no)

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        return self._apart.patients

    def means(self, round_no: int) -> dict[int, tuple[FlatF32, int]]:
        """Return steps late -> mean update and patients, as seen from `round_no`."""
        return {
            round_no - asked: (each.mean(), each.weight)
            for asked, each in self._apart.sums.items()
        }


def step(
    study: Study, buffer: Buffered, parameters: FlatF32, memory: Arrays
) -> tuple[FlatF32, Arrays]:
    """Return model and memory after one buffer."""
    choice, terms = study.plan.server, study.plan.buffer
    start = server_opt.init(choice, parameters.size)
    number = int(memory[ROUNDS][0]) + 1 if memory else 1
    state = {name: memory[name] for name in start} if memory else start
    exponent = fedbuff.EXPONENT if terms is None else terms.exponent
    mean = fedbuff.combined(
        buffer.means(number), fedbuff.EXPONENT if exponent is None else exponent
    )
    after, moved = server_opt.step(choice, state, parameters, mean)
    return moved, {**after, ROUNDS: np.array([number], np.int64)}


def open_rounds(history: Sequence[RoundRecord], sites: Iterable[str]) -> dict[str, int]:
    """Return the round whose question each site has open, after the rounds in `history`."""
    found = dict.fromkeys(sites, 1)
    for record in history:
        for site in found.keys() & {*record.released, *record.refused}:
            found[site] = record.round_no + 1
    return found


def waiting(
    history: Sequence[RoundRecord], sites: Iterable[str], answered: Collection[str]
) -> dict[str, int]:
    """Return who works on after a round, and the round whose question it is."""
    found = open_rounds(history, sites)
    return {site: number for site, number in found.items() if site not in answered}


def questions(
    study: Study,
    history: Sequence[RoundRecord],
    sites: Iterable[str],
    model_of: Callable[[int], str],
) -> dict[str, Task]:
    """Return each site's open question.

    Args:
        study: The study.
        history: Its finished rounds.
        sites: Who is asked.
        model_of: Round -> SHA-256 of the model after it; 0 for the start.
    """
    named, models = study.sha256, dict[int, str]()
    found = {}
    for site, number in open_rounds(history, sites).items():
        if number not in models:
            models[number] = model_of(number - 1)
        found[site] = Task(study=named, round_no=number, kind="train", model=models[number])
    return found


def gathered(
    engine: Engine,
    asked: Mapping[str, Task],
    deadline_s: float | None,
    order: Order = first_asked,
) -> Generator[Answer]:
    """Yield answers as they arrive; by `order`, where the engine has one pace for all."""
    if isinstance(engine, Unhurried):
        yield from engine.gather(asked, deadline_s=deadline_s)
        return
    for site in order(asked):
        yield from engine.ask(asked[site], [site], deadline_s=deadline_s)


def fill(
    study: Study,
    asked: Mapping[str, Task],
    arriving: Generator[Answer],
    heard: Callable[[Answer, Task], AnswerRow],
) -> Generator[AnswerRow]:
    """Yield what comes until a buffer is full, each about its site's open question.

    Args:
        study: The study.
        asked: Site -> its open question.
        arriving: Answers; left when the buffer is full.
        heard: Adds an answer to the buffer, and returns what is remembered of it.

    Raises:
        QuorumNotMet: If no more come: the others have refused, or the deadline has passed.
    """
    due, answers = dict(asked), list[AnswerRow]()
    with closing(arriving):
        for answer in arriving:
            if answer.site not in due or answer.task != due[answer.site].id:
                continue
            answers.append(heard(answer, due.pop(answer.site)))
            yield answers[-1]
            if is_full(study, answers):
                return
    _refuse(study, answers)


def is_full(study: Study, answers: Sequence[AnswerRow]) -> bool:
    """Return whether enough answers have come for a step."""
    released = sum(each.decision == "released" for each in answers)
    return study.plan.buffer is not None and released >= study.plan.buffer.size


def _refuse(study: Study, answers: Sequence[AnswerRow]) -> None:
    other = sorted(each.site for each in answers if each.decision != "released")
    size = 0 if study.plan.buffer is None else study.plan.buffer.size
    raise QuorumNotMet(
        f"{len(answers) - len(other)} sites released an answer"
        + (f"; refused: {', '.join(other)}" if other else ""),
        why=f"a step is made of {size} answers",
        remedy="read the ledgers of the sites that refused, then run again: "
        "finished rounds are kept, and so is what sites have answered",
    )

"""What it takes to close a round, and what is remembered of it. Pure."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.errors import QuorumNotMet
from modelward.hub import round as rounds
from modelward.hub.round import RoundRecord
from modelward.hub.standing import AnswerRow


def need(study: Study, answers: Sequence[AnswerRow], task: Task, sites: Sequence[str]) -> None:
    """Return if the answers of `sites`, who were asked, are enough to close a round.

    Raises:
        QuorumNotMet: If not.
    """
    released = sorted(a.site for a in answers if a.decision == "released")
    silent = sorted(set(sites) - {a.site for a in answers})
    passed_over = study.plan.strategy == "cyclic" and task.kind == "train" and not silent
    if passed_over or rounds.enough(study, len(released), len(silent)):
        return
    other = sorted(a.site for a in answers if a.decision != "released")
    raise QuorumNotMet(
        f"round {task.round_no}: {len(released)} sites released an answer"
        + (f"; refused: {', '.join(other)}" if other else "")
        + (f"; silent: {', '.join(silent)}" if silent else ""),
        why=f"the study needs {study.plan.quorum or 'every site that does not refuse'}, "
        f"and at least {study.sites.minimum}",
        remedy=_remedy(refused=bool(other)),
    )


def _remedy(*, refused: bool) -> str:
    """Return what helps: the same question gets the same refusal (decision 0003)."""
    if not refused:
        return "run again when the silent sites can be reached: finished rounds are kept"
    return (
        "read the ledgers of the sites that refused: a refusal stays, so mend its cause there "
        "and submit the study under another version; where a site only failed, or was silent, "
        "run again: finished rounds are kept"
    )


def row_of(task: Task, site: str, decision: str, answer: object) -> AnswerRow:
    """Return one site's answer as the registry remembers it."""
    card = answer.artifact.card if isinstance(answer, Release) else None
    return AnswerRow(
        task=task.id,
        round_no=task.round_no,
        site=site,
        decision=decision,
        sha256=card.sha256 if card else None,
        patients=card.patients if card else None,
        bytes=card.nbytes if card else None,
    )


def record_of(
    number: int,
    answers: Sequence[AnswerRow],
    before: NDArray[Any],
    after: NDArray[Any],
    asked: Sequence[str],
) -> RoundRecord:
    """Return what is remembered of a round.

    Args:
        number: The round.
        answers: What came.
        before: The model that it started from.
        after: The model that came out.
        asked: Who was asked.
    """
    released = [a for a in answers if a.decision == "released"]
    return RoundRecord(
        round_no=number,
        released=tuple(sorted(a.site for a in released)),
        refused=tuple(sorted(a.site for a in answers if a.decision != "released")),
        silent=tuple(sorted(set(asked) - {a.site for a in answers})),
        patients=sum(a.patients or 0 for a in released),
        moved=rounds.farthest(before, after),
    )

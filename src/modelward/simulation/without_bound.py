"""The same study once more without differential privacy: what the bound is compared with.

It is a study of its own, with its own hash, run by the same sites through the same gates and
ledgers of the run's folder, where all rows are on one machine and no hospital's budget is
touched. Between hospitals it would be a study in the lane without a bound, to be proposed and
approved as such; nobody is asked for it here.
"""

from collections.abc import Sequence
from dataclasses import replace

from modelward.core.study import Study
from modelward.errors import StudyFileError
from modelward.hub.run import Outcome
from modelward.simulation.folder import RunFolder
from modelward.simulation.left_out import LONGEST
from modelward.simulation.training import How, train
from modelward.study.read import meaning


def without_bound(
    folder: RunFolder, study: Study, sites: Sequence[str], how: How
) -> Outcome | None:
    """Return how `study` ends without a bound, where the study asks for the comparison.

    Raises:
        StudyFileError: If there is no such study.
        QuorumNotMet: If too few sites release an answer.
    """
    terms = study.evaluation
    if study.privacy.dp is None or terms is None or terms.without_dp is None:
        return None
    other = unbounded(study)
    done = train(folder, {other.id: other}, sites, replace(how, wire="inprocess"))
    return done.outcomes[other.id]


def unbounded(study: Study) -> Study:
    """Return `study` without `[privacy.dp]`, in the steps that it says for that.

    Raises:
        StudyFileError: If there is no such study.
    """
    terms = study.evaluation
    asked = terms.without_dp if terms is not None else None
    steps = {} if asked is None else asked.model_dump(exclude_none=True)
    changes = {
        "study": study.study.model_copy(update={"id": f"{study.id}-without-dp"[:LONGEST]}),
        "plan": study.plan.model_copy(update=steps),
        "privacy": study.privacy.model_copy(update={"dp": None}),
        "evaluation": None,
    }
    found = study.model_copy(update=changes)
    faults = meaning(found)
    if faults:
        raise StudyFileError(
            "the study cannot be run without its bound, to compare",
            why=faults[0].line(),
            remedy="leave [evaluation.without_dp] out, or change the study",
        )
    return found

"""What each task asks for: the kind, and the exact tensors, of a proper answer.

Site and hub derive these from the signed study alone, so the gate knows what may leave
before anything has been computed.
"""

from collections.abc import Callable

from modelward.core.artifact import ArtifactKind
from modelward.core.columns import summed_columns
from modelward.core.study import Study
from modelward.core.task import TaskKind
from modelward.core.tensors import Schema, TensorSpec
from modelward.recipes.catalogue import summing
from modelward.study import readiness
from modelward.study.model import parameter_schema
from modelward.study.own import update_schema
from modelward.study.report_answer import NOISED_BINS, report_schema
from modelward.study.scaling import sums_schema

SCORE_BINS = 256
"""Equal bins of predicted probability in which validation scores are counted."""


def edge_of(study: Study, threshold: float) -> int:
    """Return the validation bin from which on a probability counts as a yes."""
    return round(threshold * score_bins(study))


def score_bins(study: Study) -> int:
    """Return the number of bins in which validation scores of `study` are counted."""
    return SCORE_BINS if study.privacy.dp is None else NOISED_BINS


def answer_to(study: Study, kind: TaskKind) -> tuple[ArtifactKind, Schema]:
    """Return the artifact kind and schema of the answer to a task of `kind`.

    - statistics: sums of study/scaling.py
    - newton: `gradient` [p], `hessian` [p, p], `loss` [1] of the log-likelihood, summed over
      training units; p counts the intercept
    - train: local minus global parameters, float32, without a site's own layers
    - evaluate: `counts` [2, score_bins(study)], validation units per bin of predicted
      probability, negatives in row 0 and positives in row 1
    - report: what a site tells of its test units (study/report_answer.py)
    - sums: what the statistical recipe asks; nothing where the study has none
    - readiness: the statement of study/readiness.py, which no hub asks for
    """
    shapes: dict[TaskKind, tuple[ArtifactKind, Callable[[Study], Schema]]] = {
        "statistics": ("statistics", lambda asked: sums_schema(len(summed_columns(asked)))),
        "train": ("update", update_schema),
        "newton": ("statistics", _newton_sums),
        "evaluate": ("metrics", _scored),
        "sums": ("statistics", lambda _: Schema.of()),
        "report": ("metrics", report_schema),
        "readiness": ("statistics", readiness.schema),
    }
    if study.plan.strategy in {"sums", "boosting"} and kind in {"sums", "train", "newton"}:
        if kind == "sums":
            return "statistics", summing(study.recipe).asked(study)
        return "update", Schema.of()
    artifact, shape = shapes[kind]
    return artifact, shape(study)


def _newton_sums(study: Study) -> Schema:
    width = parameter_schema(study).size
    return Schema.of(
        TensorSpec("gradient", "F64", (width,)),
        TensorSpec("hessian", "F64", (width, width)),
        TensorSpec("loss", "F64", (1,)),
    )


def _scored(study: Study) -> Schema:
    return Schema.of(TensorSpec("counts", "F64", (2, score_bins(study))))

"""study.toml to a `Study`, or every reason why not.

The file is TOML 1.0, the model is core/study.py (strict, no unknown keys). Faults of shape
and of meaning (agreements between keys) are reported together, of meaning those that do not
hang on what cannot be read (half_read.py). What a recipe's options may be is the recipe's
business.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modelward.core import toml_text
from modelward.core.canonical import parse_strict
from modelward.core.columns import columns
from modelward.core.faults import Fault, from_validation, lines
from modelward.core.features import ImageFeature
from modelward.core.sequences import SequenceFeature
from modelward.core.study import Robust, Study
from modelward.errors import BadArtifact, StudyFileError
from modelward.recipes.catalogue import analysis, is_analysis, option_faults
from modelward.study.data_terms import data_faults
from modelward.study.groups import FEWEST_GROUPED, SMALLEST_GROUP
from modelward.study.half_read import Check, half_read
from modelward.study.judging import evaluation_faults
from modelward.study.method import wrong_sites
from modelward.study.papers import SAID_BY
from modelward.study.plan_terms import plan_faults
from modelward.study.recipe_terms import recipe_faults

FEWEST_MASKED = 3
"""Of two sites that are summed, each sees the other."""


def read(path: str | PathLike[str]) -> Study:
    """Return the study in the file at `path`.

    Raises:
        StudyFileError: With every fault found, if the file cannot be used as written.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(toml_text.MAX_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyFileError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            why="a study starts from a UTF-8 text file in TOML",
            remedy="check the path, or write a template with: modelward study new FILE",
        ) from error
    return parse(text, file=str(path))


def parse(text: str, *, file: str = "study.toml") -> Study:
    """Return the study written in `text`; `file` is only named in errors.

    Raises:
        StudyFileError: With every fault found, if the text cannot be used as written.
    """
    try:
        # Through JSON, because TOML arrays are lists and the strict model wants tuples.
        table = toml_text.to_json(text.encode("utf-8", "surrogatepass"))
    except toml_text.NotToml as error:
        raise _refuse(file, [Fault("", f"not TOML: {error}")]) from error
    try:
        study = Study.model_validate_json(table, strict=True)
    except ValidationError as error:
        found = from_validation(error, Study, SAID_BY) + half_read(table, CHECKS)
        raise _refuse(file, found) from error
    faults = meaning(study)
    if faults:
        raise _refuse(file, faults)
    return study


def from_json(raw: bytes) -> Study:
    """Return the study whose canonical JSON is `raw`, as stored with a run.

    Raises:
        StudyFileError: If it is not one.
    """
    try:
        parse_strict(raw, what="stored study")
        return Study.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _refuse("stored study", from_validation(error, Study)) from error
    except BadArtifact as error:
        raise _refuse("stored study", [Fault("", error.what)]) from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of study.toml, for editors and other programs."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Modelward study",
        **Study.model_json_schema(),
    }


def meaning(study: Study) -> list[Fault]:
    """Return the faults that concern several keys at once; empty if there are none."""
    faults = [fault for check in CHECKS for fault in check(study)]
    return faults or plan_faults(study)


def _column_faults(study: Study) -> list[Fault]:
    faults: list[Fault] = []
    alone = ImageFeature | SequenceFeature
    whole = [(name, f.type) for name, f in study.features.items() if isinstance(f, alone)]
    if len(whole) > 1 or (study.sequence is not None and len(study.features) > 1):
        name, kind = next((pair for pair in whole if pair[1] == "sequence"), whole[0])
        faults.append(Fault("features", f"{kind} {name!r} cannot be joined by others yet"))
    if study.target_name in study.features:
        faults.append(Fault(f"target.{study.target_name}", "the target cannot be a feature"))
    if not whole and not columns(study):
        faults.append(Fault("features", "no column is left"))
    return faults


def _sites_faults(study: Study) -> list[Fault]:
    if study.sites.names and len(study.sites.names) < study.sites.minimum:
        return [Fault("sites.minimum", f"more than the {len(study.sites.names)} names")]
    return []


def _option_faults(study: Study) -> list[Fault]:
    return [
        Fault(f"recipe.{key}", f"{what}; {remedy}")
        for key, what, remedy in option_faults(study.recipe)
    ]


def _plan_faults(study: Study) -> list[Fault]:
    plan, faults = study.plan, []
    newton = plan.strategy == "newton"
    if newton and study.recipe.name != "logistic" and not is_analysis(study.recipe):
        instead = "boosting" if study.recipe.name == "trees" else "fedavg"
        says = f"'newton' is exact for the recipe 'logistic' only: use {instead!r}"
        faults.append(Fault("plan.strategy", says))
    if newton and study.stop.metric is not None:
        faults.append(Fault("stop.metric", "'newton' stops when the coefficients stand still"))
    if study.stop.metric is not None and plan.validation == 0 and study.image is None:
        faults.append(Fault("plan.validation", "a watched metric needs units held back"))
    if plan.robust is not None:
        faults += _robust_faults(study, plan.robust)
    if plan.validation + plan.test >= 1:
        faults.append(Fault("plan.test", "nothing would be left to train on"))
    return faults


def _sums_faults(study: Study) -> list[Fault]:
    """Return the faults of a study of sums, or of a statistical recipe that is none."""
    sums, chosen = study.plan.strategy == "sums", is_analysis(study.recipe)
    if sums != chosen:
        says = f"{study.recipe.name!r} is computed from sums: set plan.strategy = 'sums'"
        if sums:
            says = f"'sums' is for statistical recipes, and {study.recipe.name!r} is none"
        return [Fault("plan.strategy", says)]
    if not sums:
        return []
    faults = [] if option_faults(study.recipe) else analysis(study.recipe).faults(study)
    if study.stop.metric is not None:
        faults.append(Fault("stop.metric", "'sums' stops by itself"))
    if study.privacy.dp is not None:
        faults.append(Fault("privacy.dp", "exact sums have no bound: leave the table out"))
    if study.plan.robust is not None:
        faults.append(Fault("plan.robust", "a rule needs updates, and these are sums"))
    return faults


def _privacy_faults(study: Study) -> list[Fault]:
    dp, counted, faults = study.privacy.dp, study.study.unit, []
    if dp is None:
        return []
    if study.plan.strategy == "newton":
        says = "exact sums have no bound: use plan.strategy = 'fedavg', or leave the table out"
        faults.append(Fault("privacy.dp", says))
    if dp.unit not in {"patient", counted}:
        bounds = " or ".join(f"a {each}" for each in dict.fromkeys((counted, "patient")))
        says = f"the study counts a {counted}: bound {bounds}"
        faults.append(Fault("privacy.dp.unit", says))
    return faults


def _masking_faults(study: Study) -> list[Fault]:
    """Return what stands against sums behind masks."""
    if study.privacy.aggregation is None:
        return []
    key, faults = "privacy.aggregation", []
    if study.privacy.aggregation == "grouped":
        if study.sites.minimum < FEWEST_GROUPED:
            says = f"groups need {FEWEST_GROUPED} sites or more: raise it, or use 'secagg'"
            faults.append(Fault("sites.minimum", says))
        return faults
    if study.plan.robust is not None:
        says = "a rule of [plan.robust] compares updates, and masks hide them: use 'grouped'"
        faults.append(Fault(key, says))
    if study.sites.minimum < FEWEST_MASKED:
        says = f"a masked sum has {FEWEST_MASKED} sites or more: raise it"
        faults.append(Fault("sites.minimum", says))
    return faults


def _report_faults(study: Study) -> list[Fault]:
    """Return why no site can tell of its test units, where the study asks for a report."""
    if study.report is None:
        return []
    asks = study.evaluation is not None and study.evaluation.groups
    reasons = {
        ("report", "'sums' has a report of its own: leave it out"): study.plan.strategy
        == "sums",
        ("report", "a report needs units held back: set plan.test"): study.plan.test == 0
        and study.image is None,
        (
            "report.groups",
            "they are named in [evaluation] groups, which is absent",
        ): study.report.groups is not None and not asks,
    }
    return [Fault(key, says) for (key, says), wrong in reasons.items() if wrong]


def _robust_faults(study: Study, robust: Robust) -> list[Fault]:
    if study.plan.strategy == "newton":
        return [
            Fault("plan.robust", "'newton' adds sums, and a rule needs updates: use 'fedavg'")
        ]
    needed = 2 * robust.byzantine + 1
    if study.privacy.aggregation == "grouped":
        needed *= SMALLEST_GROUP  # one wrong site spoils its group, and groups are compared
    if study.sites.minimum < needed:
        what = f"{wrong_sites(robust.byzantine)} can be outvoted by {needed} sites or more"
        return [Fault("plan.robust.byzantine", f"{what}: raise sites.minimum to that")]
    return []


CHECKS: tuple[Check, ...] = (
    _column_faults,
    data_faults,
    recipe_faults,
    _plan_faults,
    _sums_faults,
    _privacy_faults,
    _masking_faults,
    evaluation_faults,
    _report_faults,
    _sites_faults,
    _option_faults,
)
"""What is asked of every study. What `plan_faults` asks needs one without any other fault."""


def _refuse(file: str, faults: list[Fault]) -> StudyFileError:
    return StudyFileError(
        lines(file, faults),
        why="a study is signed as written, so nothing in it is guessed or ignored",
        remedy="correct the keys above; modelward study new FILE writes a commented template",
    )

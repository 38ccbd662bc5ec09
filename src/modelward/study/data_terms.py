"""Faults of what a study asks of data: windows without an index, units of the wrong kind.

Each rule looks at one feature, target or criterion; all faults are returned together.
Faults of a single key are core/features.py's, core/targets.py's and core/cohort.py's business.
"""

from collections.abc import Iterator, Mapping

from modelward.core import units
from modelward.core.codes import AGE, SEX
from modelward.core.cohort import needs_index
from modelward.core.faults import Fault
from modelward.core.features import CategoryFeature, Feature, ImageFeature, NumberFeature
from modelward.core.sequences import SequenceFeature
from modelward.core.study import Study
from modelward.core.targets import Target, TimeToEventTarget, time_of

TAKEN = "another column has this name"


def data_faults(study: Study) -> list[Fault]:
    """Return the faults of cohort, features and target that concern several keys."""
    return [
        *_name_faults(study),
        *_cohort_faults(study),
        *(fault for name, f in study.features.items() for fault in _feature_faults(name, f)),
        *_anchor_faults(study),
        *_target_faults(study),
    ]


def _name_faults(study: Study) -> Iterator[Fault]:
    taken = {*study.features, study.target_name}
    if study.sequence is not None:
        name, sequence = study.sequence
        for item in sorted(taken & sequence.items.keys()):
            yield Fault(f"features.{name}.items.{item}", TAKEN)
        taken |= sequence.items.keys()
    if isinstance(study.outcome, TimeToEventTarget):
        if time_of(study.target_name) in study.features:
            key = f"features.{time_of(study.target_name)}"
            yield Fault(key, "is the name of the target's time")
        taken.add(time_of(study.target_name))
    groups: Mapping[str, Mapping[str, object]] = {
        "all": study.cohort.required,
        "any": study.cohort.alternatives,
        "exclude": study.cohort.excluded,
    }
    for group, criteria in groups.items():
        for name in criteria:
            if name in taken:
                yield Fault(f"cohort.{group}.{name}", TAKEN)
            taken.add(name)


def _cohort_faults(study: Study) -> Iterator[Fault]:
    for name, criterion in study.cohort.criteria.items():
        if criterion.unit is not None and not units.known(criterion.unit):
            yield Fault(f"cohort.{name}.unit", f"{criterion.unit!r} is not a UCUM unit")


def _anchor_faults(study: Study) -> Iterator[Fault]:
    """Yield what is counted from an index event where the study has none."""
    if study.cohort.index is not None:
        return
    asked = [
        *((f"features.{name}", getattr(f, "code", ()), getattr(f, "window", None))
          for name, f in study.features.items()),
        *((f"cohort.{name}", c.code, c.window) for name, c in study.cohort.criteria.items()),
        (f"target.{study.target_name}", study.outcome.code,
         getattr(study.outcome, "window", None)),
    ]  # fmt: skip
    for key, code, window in asked:
        if needs_index(code, window):
            what = "window" if window is not None else AGE
            yield Fault(key, f"{what} is counted from an index event: write [cohort.index]")


def _feature_faults(name: str, feature: Feature) -> Iterator[Fault]:
    key = f"features.{name}"
    if isinstance(feature, ImageFeature):
        return
    if isinstance(feature, SequenceFeature):
        for item, each in feature.places:
            if each.molar_mass is not None and not _substance(each.unit or "1"):
                says = f"says nothing about {each.unit!r}"
                yield Fault(f"{key}.items.{item}.molar_mass", says)
        return
    if isinstance(feature, NumberFeature):
        yield from _number_faults(key, feature)
    if SEX in feature.code and not isinstance(feature, CategoryFeature):
        yield Fault(key, f"{SEX} is a category with the levels female and male")
    if AGE in feature.code and not isinstance(feature, NumberFeature):
        yield Fault(key, f"{AGE} is a number")


def _number_faults(key: str, feature: NumberFeature) -> Iterator[Fault]:
    if feature.pick == "count" and feature.unit != "1":
        yield Fault(f"{key}.unit", "what is counted has the unit '1'")
    if AGE in feature.code and feature.unit != "a":
        yield Fault(f"{key}.unit", f"{AGE} is counted in years: 'a'")
    if feature.molar_mass is not None and not _substance(feature.unit):
        yield Fault(f"{key}.molar_mass", f"says nothing about {feature.unit!r}")


def _substance(unit: str) -> bool:
    """Return whether `unit` counts a substance by mass or moles, so a molar mass matters."""
    dimension = units.parse(unit).dimension
    return "mol" in dimension or ("g" in dimension and "s" not in dimension)


def _target_faults(study: Study) -> Iterator[Fault]:
    key, outcome = f"target.{study.target_name}", study.outcome
    if not isinstance(outcome, Target):
        return
    if outcome.pick in {"min", "max"} and outcome.above is None:
        yield Fault(f"{key}.pick", f"{outcome.pick!r} is of numbers, and `above` is missing")
    if outcome.unit is not None and outcome.above is None:
        yield Fault(f"{key}.unit", "is the unit of `above`, which is missing")
    if outcome.above is not None and outcome.code and outcome.unit is None:
        yield Fault(f"{key}.unit", "is missing: coded values come with units")

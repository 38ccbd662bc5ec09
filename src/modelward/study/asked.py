"""What a study asks of a site's data, in plain words: cohort, features, times and codes."""

from collections.abc import Iterator

from modelward.core.cohort import Codes, Criterion
from modelward.core.features import CategoryFeature, Feature, ImageFeature, NumberFeature
from modelward.core.sequences import SequenceFeature, SequenceItem
from modelward.core.study import Study


def cohort_lines(study: Study) -> list[str]:
    """Return what `[cohort]` asks, one line each; none if it asks nothing."""
    cohort = study.cohort
    said: list[str] = []
    if cohort.index is not None:
        said.append(
            f"Day 0 is the {cohort.index.pick or 'first'} event of {_codes(cohort.index.code)}."
        )
    groups = (
        ("Only with", cohort.required),
        ("And with at least one of", cohort.alternatives),
        ("Without", cohort.excluded),
    )
    for words, criteria in groups:
        said += [f"{words} {name}: {_criterion(c)}." for name, c in criteria.items()]
    return said


def feature_words(feature: Feature) -> str:
    """Return what a feature is, and which value of a record it takes."""
    return ", ".join([_kind(feature), *_where(feature)])


def window_words(window: tuple[int, int] | None) -> str:
    """Return a window in words; '' for any time."""
    if window is None:
        return ""
    first, last = (_day(day) for day in window)
    return f"from {first} to {last}"


def _kind(feature: Feature) -> str:
    if isinstance(feature, NumberFeature):
        low, high = feature.range
        return f"number in {feature.unit}, from {low:g} to {high:g}"
    if isinstance(feature, CategoryFeature):
        return f"one of {', '.join(feature.levels)}"
    if isinstance(feature, ImageFeature):
        return _picture(feature)
    if isinstance(feature, SequenceFeature):
        items = "; ".join(f"{name} ({_item(each)})" for name, each in feature.places)
        return f"the latest {feature.steps} events of {items}"
    return "yes or no"


def _item(item: SequenceItem) -> str:
    said = _codes(item.code)
    if item.range is not None:
        said += f", number in {item.unit}, from {item.range[0]:g} to {item.range[1]:g}"
    return said


def _picture(feature: ImageFeature) -> str:
    slices = "" if feature.depth is None else f"{feature.depth} slices of "
    what = "grey image" if feature.depth is None else "grey volume"
    view = "" if feature.view is None else f", {feature.view}"
    return f"{what}, {slices}{feature.size[0]} x {feature.size[1]} pixels{view}"


def _where(feature: Feature) -> Iterator[str]:
    if isinstance(feature, ImageFeature) or not feature.code:
        return
    if not isinstance(feature, SequenceFeature):
        yield f"{feature.picked} of {_codes(feature.code)}"
    if feature.window is not None:
        yield window_words(feature.window)


def _criterion(criterion: Criterion) -> str:
    parts = [_codes(criterion.code)]
    if criterion.range is not None:
        low, high = criterion.range
        parts.append(f"from {low:g} to {high:g} {criterion.unit}")
    if criterion.at_least is not None and criterion.at_least > 1:
        parts.append(f"at least {criterion.at_least} times")
    if criterion.window is not None:
        parts.append(window_words(criterion.window))
    return ", ".join(parts)


def _codes(codes: Codes) -> str:
    return " or ".join(codes)


def _day(day: int) -> str:
    if day == 0:
        return "day 0"
    return f"{abs(day)} days {'before' if day < 0 else 'after'}"

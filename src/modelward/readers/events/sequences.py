"""From the view of events to padded sequences: the latest events of a patient, oldest first.

Days are calendar days, and events of one day are in the order of their items and values, not
of hours, because stores differ in whether they know the hour. The same item with the same
value twice on one day is one event. Values are converted, rounded and held against their
range before they are counted; what has no value where one is asked for is left out. So the
same records give the same tensor, whichever store they come from.

What a tensor looks like is core/sequences.py's; units and windows are choose.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from modelward.core.faults import Fault
from modelward.core.sequences import CHANNELS, Packed, SequenceFeature, SequenceItem, unpacked
from modelward.readers.dataset import Dataset
from modelward.readers.events.choose import Terms, converted, events_within, no_answer
from modelward.readers.plausible import Told

LATEST = (
    "SELECT place, item, days, value, total, total - back AS step FROM "
    "(SELECT patient, item, days, value, count(*) OVER (PARTITION BY patient) AS total, "
    "row_number() OVER (PARTITION BY patient ORDER BY days, item DESC, value DESC) AS back "
    "FROM steps) "
    "JOIN (SELECT patient, row_number() OVER (ORDER BY patient) - 1 AS place FROM cohort) "
    "USING (patient)"
)
"""Every event with its patient's place, how many there are, and its own place among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Sequences of every patient of a store, in the order of their ids.

    Attributes:
        x: [patients, steps, 3], as core/sequences.py packs them; None where none are asked.
        told: What somebody should look at: items that nobody has, events that did not fit.
    """

    x: Packed | None
    told: tuple[Told, ...]


def course_of(
    connection: duckdb.DuckDBPyConnection,
    asked: tuple[str, SequenceFeature],
    dataset: Dataset,
    faults: list[Fault],
) -> Course:
    """Return the sequences of every patient of the table `cohort` that choose.py makes.

    Args:
        connection: Where the views and `cohort` are.
        asked: Name and definition of the sequence.
        dataset: How the store is read; `[units]` and `[spellings]` name items.
        faults: What cannot be converted is added.
    """
    name, feature = asked
    parts = [
        _item(connection, place, each, dataset, feature.window, faults)
        for place, each in enumerate(feature.places, start=1)
    ]
    connection.execute(f"CREATE TABLE steps AS {' UNION ALL '.join(parts)}")
    counts = _by_item(connection)
    found = connection.execute(f"{LATEST} WHERE back <= {feature.steps}").fetchnumpy()
    patients = connection.execute("SELECT count(*) FROM cohort").fetchall()[0][0]
    connection.execute("DROP TABLE steps")
    x = np.zeros((patients, feature.steps, CHANNELS), np.float32)
    dropped = np.maximum(found["total"] - feature.steps, 0)
    at = (np.asarray(found["place"]), np.asarray(found["step"] - dropped))
    for channel, column in enumerate(("item", "days", "value")):
        x[(*at, channel)] = found[column]
    longer = len(set(found["place"][dropped > 0].tolist()))
    return Course(x, (*_nobody(name, feature, counts), *_too_long(name, feature, longer)))


def _item(
    connection: duckdb.DuckDBPyConnection,
    place: int,
    named: tuple[str, SequenceItem],
    dataset: Dataset,
    window: tuple[int, int],
    faults: list[Fault],
) -> str:
    """Return the SQL of one item's events: patient, item, days before the index, value."""
    name, item = named
    within = events_within(item.code, window)
    value, held = "0.0::DOUBLE", f"NOT {no_answer()}"
    if item.unit is not None and item.range is not None:
        terms = Terms(name, item.unit, item.molar_mass)
        value = converted(connection, within, terms, dataset, faults)
        if item.resolution is not None:
            value = f"(round(({value}) / {item.resolution!r}) * {item.resolution!r})"
        low, high = item.range
        held = f"value BETWEEN {low!r} AND {high!r}"
        source = f"(SELECT *, {value} AS value FROM {within})"
        value = "value"
    else:
        source = within
    return (
        f"SELECT DISTINCT patient, {place} AS item, "
        f"-date_diff('day', day, time::DATE) AS days, {value} AS value "
        f"FROM {source} WHERE {held}"
    )


def _by_item(connection: duckdb.DuckDBPyConnection) -> dict[int, int]:
    rows = connection.execute("SELECT item, count(*) FROM steps GROUP BY item").fetchall()
    return {int(item): int(count) for item, count in rows}


def _nobody(name: str, feature: SequenceFeature, counts: dict[int, int]) -> Sequence[Told]:
    return [
        (
            "warning",
            f"{name}.{item}",
            "no patient has such an event in the window",
            f"map this site's code to {' or '.join(each.code)} under [codes], or accept it",
        )
        for place, (item, each) in enumerate(feature.places, start=1)
        if not counts.get(place)
    ]


def _too_long(name: str, feature: SequenceFeature, longer: int) -> Sequence[Told]:
    if not longer:
        return []
    whose = "1 patient has" if longer == 1 else f"{longer} patients have"
    says = f"{whose} more than {feature.steps} events; the latest are kept"
    return [("note", name, says, "")]


def shown(course: Packed, feature: SequenceFeature) -> list[str]:
    """Return one patient's events as lines, for whoever may see them.

    Args:
        course: [steps, 3].
        feature: What the items are.
    """
    seen, places = unpacked(course), feature.places
    lines = []
    for place, days, value in zip(seen.codes, seen.times, seen.values, strict=True):
        if place:
            name, item = places[place - 1]
            said = "" if item.unit is None else f"  {value:g} {item.unit}"
            lines.append(f"{days:>8g} days before  {name}{said}")
    return lines or ["no event in the window"]

"""Several stores of events in one record, as if one hospital system had written them all.

Each store is loaded by its own reader. Before the next one comes, its ids are written as
`[dataset]` spells them, its units as UCUM, and who opted out is blanked; then people whom
several stores know become one. What is contradictory is a fault.
"""

from collections.abc import Sequence
from dataclasses import replace

import duckdb
import numpy as np

from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.readers.dataset import Dataset
from modelward.readers.events.choose import choose
from modelward.readers.events.outcomes import outcome_of
from modelward.readers.events.stores import (
    LOADERS,
    course_in,
    impossible,
    leave_out,
    rows_of,
    shifted,
)
from modelward.readers.events.wanted import Wanted, feature_codes, item_codes
from modelward.readers.joins.shares import part_of
from modelward.readers.joins.sources import Join, Part, Source, link_of
from modelward.readers.record import listed, open_record, quoted


def event_part(
    sources: Sequence[Source],
    join: Join,
    names: set[str],
    notes: list[str],
    faults: list[Fault],
) -> Part:
    """Return what all stores of events know together; notes and faults are added.

    Args:
        sources: The stores; `[dataset]` itself is the first, if it is one.
        join: What the join is about.
        names: Features, target and criteria that they are asked for.
        notes: What readers have to tell.
        faults: Found so far.

    Raises:
        DataError: If a store cannot be read.
    """
    part = part_of(join.study, names, indexed=True)
    values: dict[str, dict[str, str]] = {}
    with open_record() as connection:
        for source in sources:
            _load(connection, source, join, part, (notes, faults))
            _merge_values(values, source, faults)
        _one_each(connection, faults)
        if sources[0].name == "":
            connection.execute("DELETE FROM events WHERE patient NOT IN (FROM units)")
            connection.execute("DELETE FROM patients WHERE patient NOT IN (FROM units)")
        faults += impossible(connection, join.today)
        moved = shifted(connection, join.today)
        whole = sources[0].dataset.model_copy(
            update={"units": {}, "spellings": {}, "values": values}
        )
        chosen = choose(connection, part, whole, faults)
        out = None if join.opt_out is None else join.opt_out.among(chosen.ids)
        y, amount = outcome_of(connection, part, whole, faults)
        course = course_in(connection, part, whole, faults)
        rows = replace(
            rows_of(chosen, out, whole, part, faults),
            y=y, amount=amount, course=course.x, told=(*course.told, *moved),
        )  # fmt: skip
        return Part(list(chosen.ids), part, rows)


def _load(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    join: Join,
    part: Study,
    told: tuple[list[str], list[Fault]],
) -> None:
    """Add the events of one source, its ids and units as all sources have them."""
    notes, faults = told
    before = {name: _rows_in(connection, name) for name in ("events", "patients")}
    wanted = Wanted.of(part, source.dataset.codes)
    load = LOADERS[source.dataset.dataset.kind]
    notes += load(connection, source.path, source.dataset, wanted)
    link = link_of(source)
    if link is not None:
        here, there = np.array(list(link), object), np.array(list(link.values()), object)
        connection.register("link", {"here": here, "there": there})
        for name, rows in before.items():
            new = f"rowid >= {rows}"
            connection.execute(
                f"DELETE FROM {name} WHERE {new} AND patient NOT IN (SELECT here FROM link)"
            )
            connection.execute(
                f"UPDATE {name} SET patient = there FROM link WHERE {new} AND patient = here"
            )
        connection.unregister("link")
    _same_units(connection, source.dataset, part, before["events"])
    repeated = _count(
        connection,
        "SELECT count(*) FROM (SELECT 1 FROM patients WHERE rowid >= "
        f"{before['patients']} GROUP BY patient HAVING count(*) > 1)",
    )
    if repeated:
        faults.append(Fault("patients", f"{repeated} patients are there more than once"))
    leave_out(connection, join.opt_out)
    if source.name == "":
        connection.execute(
            "CREATE TABLE units AS "
            "SELECT patient FROM patients UNION SELECT patient FROM events"
        )


def _same_units(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, part: Study, first: int
) -> None:
    """Write the units of a source's own events as UCUM, and those it does not say."""
    for given, meant in dataset.spellings.items():
        connection.execute(
            f"UPDATE events SET unit = {quoted(meant)} WHERE rowid >= {first} "
            f"AND unit = {quoted(given)}"
        )
    codes = {**feature_codes(part), **item_codes(part)}
    for name, unit in dataset.units.items():
        if codes.get(name):
            connection.execute(
                f"UPDATE events SET unit = {quoted(unit)} WHERE rowid >= {first} "
                f"AND unit IS NULL AND number IS NOT NULL AND code IN {listed(codes[name])}"
            )


def _one_each(connection: duckdb.DuckDBPyConnection, faults: list[Fault]) -> None:
    """Make one row per person of what several sources say of them."""
    apart = _count(
        connection,
        "SELECT count(*) FROM (SELECT 1 FROM patients GROUP BY patient "
        "HAVING count(DISTINCT sex) > 1 OR count(DISTINCT birth) > 1)",
    )
    if apart:
        says = f"{apart} patients have another sex or birth date in another source"
        faults.append(Fault("patients", says))
    connection.execute(
        "CREATE TEMP TABLE merged AS SELECT patient, any_value(sex) AS sex, "
        "min(birth) AS birth, min(death) AS death FROM patients GROUP BY patient"
    )
    connection.execute("DELETE FROM patients")
    connection.execute("INSERT INTO patients SELECT * FROM merged")


def _merge_values(
    values: dict[str, dict[str, str]], source: Source, faults: list[Fault]
) -> None:
    for name, words in source.dataset.values.items():
        for word, meant in words.items():
            if values.setdefault(name, {}).setdefault(word, meant) != meant:
                faults.append(
                    Fault(f"values.{name}", f"{word!r} means another level in another source")
                )


def _rows_in(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return _count(connection, f"SELECT coalesce(max(rowid) + 1, 0) FROM {table}")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])

"""One table or archive into the folders of several sites.

Each simulated hospital gets a folder with its own data file and dataset.toml, exactly as a
real one would have, so everything after this step is what a real site runs.

    by column      one site for every value of a column
    Dirichlet      label skew: every class is dealt to the sites in shares drawn from
                   Dirichlet(alpha) (Hsu et al. 2019, arXiv:1909.06335, section 3)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward import durable
from modelward.core.faults import Fault, lines
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers import arrays, table, values

Rows = Mapping[str, NDArray[np.int64]]
"""Site name -> numbers of its rows in the original file, rising."""


@dataclass(frozen=True, slots=True)
class Skew:
    """How to deal rows to simulated sites.

    Attributes:
        sites: How many sites.
        alpha: Dirichlet concentration: 0.1 is severe skew, 100 is almost none.
    """

    sites: int
    alpha: float


@dataclass(frozen=True, slots=True)
class Special:
    """Columns of a table that are not features.

    Attributes:
        patient: Names the unit.
        split: Names the fold.
        missing: Texts that mean missing.
    """

    patient: str | None = None
    split: str | None = None
    missing: tuple[str, ...] = ()


def by_column(path: Path, column: str) -> Rows:
    """Return the rows of every value of `column`, under names that a site may have.

    Raises:
        DataError: If the column is missing or two values give the same name.
    """
    text = table.text_columns(path, [column])[column]
    names = {value: _site_name(value) for value in {v for v in text if v is not None}}
    clash = len(names) - len(set(names.values()))
    empty = sum(value is None for value in text)
    if clash or empty:
        says = "two values give the same site name" if clash else f"is empty in {empty} rows"
        raise _refuse(path, column, says)
    return {
        name: np.flatnonzero(text == value)
        for value, name in sorted(names.items(), key=lambda pair: pair[1])
    }


def by_skew(labels: NDArray[np.int8], folds: NDArray[np.int8], skew: Skew, seed: int) -> Rows:
    """Return rows dealt to `skew.sites` sites with label skew.

    Every fold is dealt in the same shares of each class, so a hospital with few positives
    in training has few in its test as well. Shares are drawn anew until every site has at
    least 2 % of an even deal.

    Args:
        labels: Class of every row; any small integers.
        folds: Fold of every row.
        skew: How many sites, how skewed.
        seed: Of the draw.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    classes = np.unique(labels)
    while True:
        shares = {c: rng.dirichlet([skew.alpha] * skew.sites) for c in classes}
        sizes = sum(shares[c] * np.count_nonzero(labels == c) for c in classes)
        if np.min(sizes) >= 0.02 * len(labels) / skew.sites:
            break
    dealt = np.empty(len(labels), np.int64)
    for c in classes:
        for fold in np.unique(folds):
            rows = rng.permutation(np.flatnonzero((labels == c) & (folds == fold)))
            cuts = np.round(np.cumsum(shares[c])[:-1] * len(rows)).astype(int)
            for site, part in enumerate(np.split(rows, cuts)):
                dealt[part] = site
    width = len(str(skew.sites))
    return {
        f"site-{site + 1:0{width}d}": np.flatnonzero(dealt == site)
        for site in range(skew.sites)
    }


def table_labels(
    path: Path, study: Study, special: Special
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return outcome (-1 where missing) and fold of every row of a table, for `by_skew`."""
    faults: list[Fault] = []
    wanted = [study.target_name, *([special.split] if special.split else [])]
    text = table.text_columns(path, wanted, missing=special.missing)
    outcome = values.outcome(text[study.target_name], study.outcome, study.target_name, faults)
    folds = np.zeros(len(outcome), np.int8)
    if special.split:
        folds = values.folds(text[special.split], faults)
    if faults:
        raise table.refuse(path, faults)
    return np.where(np.isnan(outcome), -1, outcome).astype(np.int8), folds


def write_table(path: Path, rows: Rows, folder: Path, special: Special) -> None:
    """Write every site's rows of the table at `path` as its own Parquet file."""
    with duckdb.connect(config={"threads": 1}) as connection:
        parquet = path.suffix.lower() in {".parquet", ".pq"}
        source = (
            connection.read_parquet(str(path))
            if parquet
            else connection.read_csv(str(path), header=True, all_varchar=True)
        )
        source.create_view("source")
        connection.execute(
            "CREATE TABLE whole AS SELECT row_number() OVER () - 1 AS modelward_row, * FROM source"
        )
        for site, part in rows.items():
            target = _make_site(folder, site)
            connection.execute(
                "CREATE OR REPLACE TABLE chosen AS SELECT unnest(?::BIGINT[]) AS modelward_row",
                [part.tolist()],
            )
            temporary = target / ".data.parquet.part"
            connection.sql(
                "SELECT * EXCLUDE (modelward_row) FROM whole JOIN chosen "
                "USING (modelward_row) ORDER BY modelward_row"
            ).write_parquet(str(temporary))
            temporary.replace(target / "data.parquet")
            _write_dataset(target, "table", "data.parquet", special)


def write_arrays(path: Path, rows: Rows, folder: Path) -> None:
    """Write every site's part of the archive at `path` as its own archive."""
    whole = arrays.load(path, ("images", "labels"))
    for site, part in rows.items():
        target = _make_site(folder, site)
        buffer = BytesIO()
        np.savez(buffer, **{name: array[part] for name, array in whole.items()})
        durable.write_whole(target / "data.npz", buffer.getvalue())
        _write_dataset(target, "arrays", "data.npz", Special())


def _make_site(folder: Path, site: str) -> Path:
    target = folder / site
    durable.make_folder(target)
    return target


def _write_dataset(target: Path, kind: str, name: str, special: Special) -> None:
    """Write dataset.toml; values are quoted as TOML basic strings (a subset of JSON's)."""
    keys: list[tuple[str, str | Sequence[str] | None]] = [
        ("kind", kind),
        ("path", name),
        ("patient", special.patient),
        ("split", special.split),
        ("missing", special.missing or None),
    ]
    text = "[dataset]\n" + "".join(
        f"{key} = {_toml(value)}\n" for key, value in keys if value is not None
    )
    durable.write_whole(target / "dataset.toml", text.encode())


def _toml(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return (
            '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
        )
    return "[" + ", ".join(_toml(item) for item in value) + "]"


def _site_name(value: str) -> str:
    """Return `value` as a site name: lower-case ASCII letters, digits and dashes."""
    slug = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:50]
    return slug if slug[:1].isalpha() else f"site-{slug or 'unnamed'}"


def _refuse(path: Path, column: str, says: str) -> DataError:
    return DataError(
        lines(str(path), [Fault(column, says)]),
        why="every row belongs to exactly one site",
        remedy="choose another column for --by, or fill it in",
    )

"""Which row of a table belongs to which simulated hospital.

    by column      one site for every value of a column
    Dirichlet      label skew: every class is dealt to the sites in shares drawn from
                   Dirichlet(alpha) (Hsu et al. 2019, arXiv:1909.06335, section 3)

Writing the sites' files is split.py's business.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelward.core.canonical import Json
from modelward.core.faults import Fault, lines
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget
from modelward.errors import DataError
from modelward.readers import arrays
from modelward.readers.dataset import MISSING
from modelward.readers.tables import text_columns, values

Rows = Mapping[str, NDArray[np.int64]]
"""Site name -> numbers of its rows in the original file, rising."""


LEAST = 20
"""Training rows of every class that a simulated site should have."""

DRAWS = 200
"""Draws of shares before the nearest is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """How rows become sites.

    Attributes:
        by: Column whose values are the sites; label skew if None.
        sites: For label skew: how many sites.
        alpha: For label skew: Dirichlet concentration; 0.1 is severe, 100 almost none.
    """

    by: str | None = None
    sites: int = 5
    alpha: float = 0.5

    def says(self) -> str:
        """Return the dealing in words, for reports."""
        if self.by is not None:
            return f"One site for every value of column {self.by!r}."
        return (
            f"{self.sites} simulated sites; every class dealt in shares drawn from "
            f"Dirichlet({self.alpha:g}), drawn anew until no site is nearly without a class."
        )

    def to_json(self) -> dict[str, Json]:
        """Return what makes two dealings the same."""
        if self.by is not None:
            return {"by": self.by}
        return {"sites": self.sites, "alpha": self.alpha}


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
    missing: tuple[str, ...] = MISSING

    @classmethod
    def of(cls, *, patient: str | None, split: str | None, missing: str | None) -> Self:
        """Return the columns and the missing texts as the command line gives them."""
        texts = MISSING if missing is None else ("", *missing.split(","))
        return cls(patient=patient, split=split, missing=texts)


def deal(path: Path, study: Study, dealing: Dealing, special: Special) -> Rows:
    """Return which rows of the data file at `path` belong to which site.

    Where the study names its sites, they are those and no others: of a column, the rows of
    every other value are left out; dealt sites take the names in the study's order.

    Raises:
        DataError: If the file cannot be dealt that way, or not to the sites that are named.
    """
    rows, names = _dealt(path, study, dealing, special), study.sites.names
    if not names:
        return rows
    if dealing.by is None and len(names) == len(rows):
        return dict(zip(names, rows.values(), strict=True))
    absent = sorted(set(names) - set(rows))
    if dealing.by is None or absent:
        raise _not_those(path, names, rows, absent if dealing.by else [])
    return {name: rows[name] for name in sorted(names)}


def _not_those(path: Path, names: Sequence[str], rows: Rows, absent: list[str]) -> DataError:
    says = f"the study names {len(names)} sites, and {len(rows)} are dealt"
    if absent:
        says = f"no row of {', '.join(absent)}; there are {', '.join(rows)}"
    return DataError(
        lines(str(path), [Fault("sites.names", says)]),
        why="a study with named sites is run by those, or it is another study",
        remedy=f"deal to them with --sites {len(names)}, or change [sites] names",
    )


def _dealt(path: Path, study: Study, dealing: Dealing, special: Special) -> Rows:
    """Return the rows of all sites there are."""
    images, patients = path.suffix.lower() == ".npz", None
    if dealing.by is not None:
        return _by_array(path, dealing.by) if images else by_column(path, dealing.by)
    if images:
        whole = arrays.load(path, (*arrays.held_in(study), arrays.named_outcome(study)))
        told = arrays.outcome_of(whole, study)
        labels = told.y if told.amount is None else told.amount
        folds = whole.get("folds", np.zeros(len(labels), np.int8))
        patients = whole.get("patients")
    else:
        labels, folds = table_labels(path, study, special)
    known = labels.astype(np.int8), folds.astype(np.int8)
    if patients is None or len(patients) != len(labels):
        return by_skew(*known, dealing, study.plan.seed)
    return by_patient(*known, patients, dealing, study.plan.seed)


def by_patient(
    labels: NDArray[np.int8],
    folds: NDArray[np.int8],
    patients: NDArray[Any],
    skew: Dealing,
    seed: int,
) -> Rows:
    """Return rows dealt as `by_skew` does, all of a patient to the same site.

    A patient is dealt by the class and fold of the first of its rows.

    Args:
        labels: As for `by_skew`.
        folds: As for `by_skew`.
        patients: Whose every row is.
        skew: How many sites, how skewed.
        seed: Of the draw.
    """
    _, first, whose = np.unique(patients, return_index=True, return_inverse=True)
    order = np.argsort(first)  # in the order of the file, as rows of one each are
    dealt = by_skew(labels[first[order]], folds[first[order]], skew, seed)
    return {
        site: np.flatnonzero(np.isin(whose, order[chosen])) for site, chosen in dealt.items()
    }


def _by_array(path: Path, name: str) -> Rows:
    """Return the rows of every value of the array `name` of an archive."""
    given = arrays.load(path, (name,))[name]
    return {
        _site_name(str(value)): np.flatnonzero(given == value) for value in np.unique(given)
    }


def by_column(path: Path, column: str) -> Rows:
    """Return the rows of every value of `column`, under names that a site may have.

    Raises:
        DataError: If the column is missing or two values give the same name.
    """
    text = text_columns.text_columns(path, [column])[column]
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


def by_skew(
    labels: NDArray[np.int8], folds: NDArray[np.int8], skew: Dealing, seed: int
) -> Rows:
    """Return rows dealt to `skew.sites` sites with label skew.

    Every fold is dealt in the same shares of each class, so a hospital with few positives
    in training has few in its test as well. Shares are drawn anew until every site has at
    least `LEAST` training rows of every class, or a tenth of an even deal where that is
    fewer: a site with next to none of a class has no AUC of its own to be compared. If no
    draw of `DRAWS` has that, the one that comes nearest is taken.

    Args:
        labels: Class of every row, from 0; -1 where it is missing.
        folds: Fold of every row; 0 is training.
        skew: How many sites, how skewed.
        seed: Of the draw.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    classes = np.unique(labels)
    training = labels[folds == 0]
    counts = {int(c): int(np.count_nonzero(training == c)) for c in classes}
    shares = _drawn(rng, skew, counts)
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


def _drawn(
    rng: np.random.Generator, skew: Dealing, rows: Mapping[int, int]
) -> dict[int, NDArray[np.float64]]:
    """Return the shares of every class, [sites]; see `by_skew`.

    Args:
        rng: Draws.
        skew: How many sites, how skewed.
        rows: Training rows of every class.
    """
    wanted = {c: min(LEAST, n / skew.sites / 10) for c, n in rows.items() if c >= 0 and n}
    nearest, found = -1.0, {}
    for _ in range(DRAWS):
        shares = {c: rng.dirichlet([skew.alpha] * skew.sites) for c in rows}
        parts = (shares[c].min() * rows[c] / least for c, least in wanted.items())
        part = float(min(parts, default=1.0))
        if part > nearest:
            nearest, found = part, shares
        if nearest >= 1:
            break
    return found


def table_labels(
    path: Path, study: Study, special: Special
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return outcome or level (-1 where missing) and fold of every row, for `by_skew`."""
    faults: list[Fault] = []
    wanted = [study.target_name, *([special.split] if special.split else [])]
    text = text_columns.text_columns(path, wanted, missing=special.missing)
    name, target = study.target_name, study.outcome
    if isinstance(target, CategoryTarget):
        outcome = values.level_number(text[name], name, target.levels, faults)
    else:
        outcome = values.outcome(text[name], target, name, faults)
    folds = np.zeros(len(outcome), np.int8)
    if special.split:
        folds = values.folds(text[special.split], faults)
    if faults:
        raise text_columns.refuse(path, faults)
    return np.where(np.isnan(outcome), -1, outcome).astype(np.int8), folds


def _site_name(value: str) -> str:
    """Return `value` as a site name: lower-case ASCII letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", value.lower()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50]
    return slug if slug[:1].isalpha() else f"site-{slug or 'unnamed'}"


def _refuse(path: Path, column: str, says: str) -> DataError:
    return DataError(
        lines(str(path), [Fault(column, says)]),
        why="every row belongs to exactly one site",
        remedy="choose another column for --by, or fill it in",
    )

"""Several sources of the same patients, such as images and a records system, as one.

Units are those of `[dataset]`; a source in `[sources]` only adds what it knows of their
patients, and whoever it does not know has missing values there. All stores of events are
loaded into one record, so an index event of one opens the windows of another; units and
spellings are made the same before they meet. Ids are as `[dataset]` spells them (linked.py).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.faults import Fault, lines
from modelward.core.sequences import CHANNELS, Packed
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.assemble import Rows
from modelward.readers.joins.linked import linked
from modelward.readers.joins.one_record import event_part
from modelward.readers.joins.shares import part_of, shares
from modelward.readers.joins.sources import Answers, Join, Part, Source, link_of, sources_of
from modelward.readers.opt_out import OptOut, read_opt_out, unpadded
from modelward.readers.plausible import Told
from modelward.readers.tables.table import table_rows


def joined_rows(join: Join, faults: list[Fault]) -> tuple[Rows, tuple[str, ...]]:
    """Return the units of `[dataset]` with what every source knows of them, and notes.

    Raises:
        DataError: If a source cannot be read.
    """
    sources = sources_of(join.dataset, join.path)
    answers = answered(join, sources, faults)
    main = answers.parts[0].rows
    rows = merged(list(main.ids), join.study, answers)
    return (
        Rows(
            ids=main.ids, x=rows.x, y=rows.y, criteria=rows.criteria, indexed=rows.indexed,
            folds=main.folds, out=main.out, owned=main.owned, raw=main.raw, amount=rows.amount,
            course=rows.course, told=rows.told,
        ),
        tuple(answers.notes),
    )  # fmt: skip


def answered(join: Join, sources: Sequence[Source], faults: list[Fault]) -> Answers:
    """Return what each of `sources` knows, the first of them first.

    Raises:
        DataError: If a source cannot be read, or the rules of a link are broken.
    """
    held = shares(sources, join.study, faults)
    answers = Answers()
    events = [source for source in sources if not source.is_table]
    if faults:
        raise unjoinable(join.path, faults)
    for source in sources:
        if source.is_table:
            _table(source, join, held[source.name], answers, faults)
        elif source is events[0]:
            part = event_part(events, join, held[source.name], answers.notes, faults)
            answers.parts.append(part)
    return answers


def merged(
    ids: Sequence[str], study: Study, answers: Answers, images: Sequence[str] = ()
) -> Rows:
    """Return one row per unit, from what sources know.

    Args:
        ids: Patient of each unit.
        study: Whose columns, criteria and target are wanted.
        answers: What sources know.
        images: File of each unit, where units are images.
    """
    places = {column.name: place for place, column in enumerate(columns(study))}
    x = np.full((len(ids), len(places)), np.nan)
    y, indexed, amount = np.full(len(ids), np.nan), None, None
    criteria = {name: np.zeros(len(ids)) for name in study.cohort.criteria}
    for each in answers.parts:
        part, rows = each.study, each.rows
        at = _where(_file_keys(images, each.known) if each.by_image else ids, each.known)
        found = at >= 0
        for place, column in enumerate(columns(part)):
            x[found, places[column.name]] = rows.x[at[found], place]
        if part.target:
            y[found] = rows.y[at[found]]
            if rows.amount is not None:
                amount = np.full(len(ids), np.nan)
                amount[found] = rows.amount[at[found]]
        for name in part.cohort.criteria:
            criteria[name][found] = rows.criteria[name][at[found]]
        if rows.indexed is not None:
            indexed = np.zeros(len(ids), bool)
            indexed[found] = rows.indexed[at[found]]
    return Rows(
        ids=ids, x=x, y=y, criteria=criteria, indexed=indexed, amount=amount,
        course=_courses(ids, study, answers),
        told=(
            *(told for each in answers.parts for told in each.rows.told),
            *(told for each in answers.parts for told in _strangers(ids, each)),
        ),
    )  # fmt: skip


def _strangers(ids: Sequence[str], part: Part) -> Iterator[Told]:
    """Yield an error where nobody whom a source knows is a patient of `[dataset]`."""
    known = {each for each in part.known if each}
    if part.by_image or not known or not ids or known & set(ids):
        return
    plain = {unpadded(each) for each in ids}
    near = sum(1 for each in known if unpadded(each) in plain)
    says = f"none of the {len(known)} patients of one source is a patient of another"
    if near:
        says += f"; {near} are, but for leading zeros or case"
    what = ", ".join([*part.study.features, *part.study.target])
    remedy = "export ids as text, alike in both, or name a file of both under `link`"
    yield ("error", "sources", f"{says} ({what})", remedy)


def _courses(ids: Sequence[str], study: Study, answers: Answers) -> Packed | None:
    """Return the sequence of each unit's patient, empty where no source knows them."""
    if study.sequence is None:
        return None
    found = np.zeros((len(ids), study.sequence[1].steps, CHANNELS), np.float32)
    for each in answers.parts:
        if each.rows.course is not None:
            at = _where(ids, each.known)
            found[at >= 0] = each.rows.course[at[at >= 0]]
    return found


def _where(ids: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Return where in `known` each of `ids` is, -1 where it is not."""
    places = {each: place for place, each in enumerate(known) if each}
    return np.array([places.get(each, -1) for each in ids], np.int64)


def _file_keys(images: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return what a table calls each image: by path, by name, or by name without ending.

    '' where two images have the same name, and the table does not tell them apart.
    """
    listed_there, keys = set(known), list[str]()
    for image in images:
        name = PurePosixPath(image).name
        ways = (image, name, name.partition(".")[0], name.rpartition(".")[0])
        keys.append(next((way for way in ways if way in listed_there), ""))
    files = {key: {image for image, k in zip(images, keys, strict=True) if k == key}
             for key, n in Counter(keys).items() if n > 1}  # fmt: skip
    return [key if len(files.get(key, ())) <= 1 else "" for key in keys]


def _table(
    source: Source, join: Join, names: set[str], answers: Answers, faults: list[Fault]
) -> None:
    link = link_of(source)
    part = part_of(join.study, names, indexed=False)
    if not source.name:  # its rows are the units: several of one patient are the study's affair
        part = part.model_copy(update={"study": join.study.study})
    dataset = source.dataset
    if dataset.dataset.image is not None:
        keyed = dataset.dataset.model_copy(update={"patient": dataset.dataset.image})
        dataset = dataset.model_copy(update={"dataset": keyed})
    opt_out = None if dataset.dataset.image else _here(join.opt_out, link, source)
    here: list[Fault] = []
    rows = table_rows(source.path, dataset, part, here, opt_out)
    faults += _named(source, here)
    by_image = dataset.dataset.image is not None
    answers.parts.append(Part(linked(rows.ids, link), part, rows, by_image))


def _here(
    opt_out: OptOut | None, link: Mapping[str, str] | None, source: Source
) -> OptOut | None:
    """Return who said no, as the source spells ids; its own list added."""
    own = source.dataset.dataset.opt_out if source.name else None
    if opt_out is None and own is None:
        return None
    ids = frozenset() if opt_out is None else opt_out.ids
    if link is not None:
        ids = frozenset(here for here, there in link.items() if there in ids)
    return OptOut(ids | (frozenset() if own is None else read_opt_out(Path(own)).ids))


def _named(source: Source, faults: Sequence[Fault]) -> list[Fault]:
    """Return faults of a joined table with its name; those about its rows are under it."""
    if not source.name:
        return list(faults)
    of_rows = {"patient", "split"}
    return [
        Fault(f"sources.{source.name}", fault.says)
        if fault.key in of_rows
        else Fault(fault.key, f"{fault.says} (source {source.name})")
        for fault in faults
    ]


def unjoinable(path: Path, faults: Sequence[Fault]) -> DataError:
    """Return the error for sources that do not hold what the study asks for."""
    return DataError(
        lines(str(path), list(dict.fromkeys(faults))),
        why="every feature comes from one source, and no value is made up",
        remedy="map it under [columns] or [codes] of the source that has it",
    )

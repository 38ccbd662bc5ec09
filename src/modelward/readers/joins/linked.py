"""The ids of one source as another one spells them: a crosswalk of two columns.

A picture archive and a records system often number their patients apart. `link` in a source
names a CSV with headings; in each line the first column is an id of that source and the
second the id of `[dataset]`. An id in two lines is a fault: two people would become one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelward.core.faults import Fault
from modelward.errors import DataError
from modelward.readers.tables.text_columns import headings, refuse, text_columns


def read_link(path: Path) -> dict[str, str]:
    """Return id of the source -> id of the dataset.

    Raises:
        DataError: If the file cannot be read, has other than two columns, or repeats an id.
    """
    names = headings(path)
    if len(names) != 2:  # noqa: PLR2004 - from and to
        raise _refuse(path, f"has {len(names)} columns, and a link has two")
    columns = text_columns(path, names)
    pairs = [
        (str(here), str(there))
        for here, there in zip(columns[names[0]], columns[names[1]], strict=True)
        if here is not None and there is not None
    ]
    for what, ids in (("first", [h for h, _ in pairs]), ("second", [t for _, t in pairs])):
        twice = len(ids) - len(set(ids))
        if twice:
            raise _refuse(path, f"{twice} lines repeat an id of the {what} column")
    return dict(pairs)


def linked(ids: Sequence[str], link: Mapping[str, str] | None) -> list[str]:
    """Return `ids` as the dataset spells them; '' where the link does not know one."""
    return list(ids) if link is None else [link.get(each, "") for each in ids]


def _refuse(path: Path, says: str) -> DataError:
    return refuse(path, [Fault("link", says)])

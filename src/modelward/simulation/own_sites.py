"""Hospitals that bring their own data: a folder with one folder per site and its dataset.toml.

Nothing is copied. A site of the run holds links to the files of the given one, so the run
reads exactly what `modelward data check` was asked about.
"""

from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from modelward import durable
from modelward.core.faults import Fault, lines
from modelward.core.terms import Name
from modelward.errors import DataError
from modelward.simulation.folder import hash_of

_names: TypeAdapter[str] = TypeAdapter(Name)


def own_sites(path: Path) -> list[str]:
    """Return the names of the sites under `path`, in order.

    Raises:
        DataError: If there are none, or a folder is named as no site may be.
    """
    found = sorted(each.parent.name for each in path.glob("*/dataset.toml"))
    faults = [Fault(name, "is no name of a site: a-z, 0-9, - and _") for name in found
              if not _is_name(name)]  # fmt: skip
    if not found:
        faults = [Fault("", "holds no folder with a dataset.toml")]
    if faults:
        raise DataError(
            lines(str(path), faults),
            why="each folder there is one hospital, under its name",
            remedy="make a folder for every site, and its dataset.toml: "
            "modelward data init FILE --study STUDY --out FOLDER/NAME/dataset.toml",
        )
    return found


def link_sites(path: Path, names: list[str], folder: Path) -> None:
    """Make a site under `folder` of each of the `names` under `path`, by links."""
    for name in names:
        target = folder / name
        durable.make_folder(target)
        for each in sorted((path / name).iterdir()):
            link = target / each.name
            link.unlink(missing_ok=True)
            link.symlink_to(each.resolve())


def hash_of_data(path: Path) -> str:
    """Return the SHA-256 of a data file, or of every file of a folder of sites.

    Raises:
        DataError: If something cannot be read.
    """
    if not path.is_dir():
        return hash_of(path)
    digest = sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(path)}\n{hash_of(file)}\n".encode())
    return digest.hexdigest()


def _is_name(name: str) -> bool:
    try:
        _names.validate_python(name)
    except ValidationError:
        return False
    return True

"""The files of simulated hospitals.

Each gets a folder with its own data file and dataset.toml, exactly as a real one would
have, so everything after this step is what a real site runs.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import duckdb
import numpy as np

from modelward import durable
from modelward.errors import StorageError
from modelward.readers import arrays
from modelward.readers.tables.text_columns import open_relation
from modelward.simulation.dealing import Rows, Special


def write_sites(path: Path, rows: Rows, folder: Path, special: Special) -> None:
    """Write every site's rows of the data file at `path` into its folder under `folder`."""
    if path.suffix.lower() == ".npz":
        write_arrays(path, rows, folder)
    else:
        write_table(path, rows, folder, special)


def write_table(path: Path, rows: Rows, folder: Path, special: Special) -> None:
    """Write every site's rows of the table at `path` as its own Parquet file."""
    with duckdb.connect(config={"threads": 1}) as connection:
        open_relation(connection, path).create_view("source")
        connection.execute(
            "CREATE TABLE whole AS "
            "SELECT row_number() OVER () - 1 AS modelward_row, * FROM source"
        )
        for site, numbers in rows.items():
            target = _make_site(folder, site)
            connection.execute(
                "CREATE OR REPLACE TABLE chosen AS SELECT unnest(?::BIGINT[]) AS modelward_row",
                [numbers.tolist()],
            )
            part = connection.sql(
                "SELECT * EXCLUDE (modelward_row) FROM whole JOIN chosen "
                "USING (modelward_row) ORDER BY modelward_row"
            )
            _write_parquet(part, target / "data.parquet")
            _write_dataset(target, "table", "data.parquet", special)


def _write_parquet(part: duckdb.DuckDBPyRelation, path: Path) -> None:
    """Write `part` to `path`, whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        part.write_parquet(str(temporary))
        temporary.replace(path)
    except (duckdb.Error, OSError) as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"{path} cannot be written: {str(error).splitlines()[0]}",
            why="a site's data are in place, whole, before anything is trained on them",
            remedy="free space there, then run the same command again",
        ) from error


def write_arrays(path: Path, rows: Rows, folder: Path) -> None:
    """Write every site's part of the archive at `path` as its own archive."""
    whole = arrays.load(path, ())
    for site, part in rows.items():
        target = _make_site(folder, site)
        buffer = BytesIO()
        np.savez(
            buffer, allow_pickle=False, **{name: each[part] for name, each in whole.items()}
        )
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

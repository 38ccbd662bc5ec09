"""dataset.toml: where a site's data lie and how its headings map to the study's names.

The file never leaves the site. Paths are relative to the file. Unknown keys are refused;
all faults are reported at once. docs/formats/dataset.md has an example.
"""

import json
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core.faults import Fault, from_validation, lines
from modelward.errors import DataError

MISSING = ("", "NA", "N/A", "null", "NULL", "?")
"""What a table may write for a value that is not known, unless the file says otherwise."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Source(_Part):
    """`[dataset]`: one file and its special columns."""

    kind: Literal["table", "arrays"] = Field(description="CSV or Parquet, or NumPy images.")
    path: str = Field(min_length=1, description="Relative to this file, or absolute.")
    patient: str | None = Field(
        default=None, description="Column that names the unit; every row is one if absent."
    )
    split: str | None = Field(
        default=None, description="Column with train, validation or test; by hash if absent."
    )
    missing: tuple[str, ...] = Field(default=MISSING, description="Texts that mean missing.")
    opt_out: str | None = Field(
        default=None, min_length=1, description="File with the ids of patients who opted out."
    )


class Dataset(_Part):
    """A whole dataset file.

    Attributes:
        dataset: The file and its special columns.
        columns: Feature or target name -> heading in the file; the name itself if absent.
    """

    dataset: Source
    columns: dict[str, str] = Field(default_factory=dict)

    def heading(self, name: str) -> str:
        """Return the heading under which the file holds `name`."""
        return self.columns.get(name, name)


def read(path: Path) -> tuple[Dataset, Path]:
    """Return the dataset described at `path`, and the data file it names.

    Raises:
        DataError: With every fault found, if the file cannot be used as written.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        dataset = Dataset.model_validate_json(json.dumps(table, default=str), strict=True)
    except OSError as error:
        raise _refuse(path, [Fault("", f"cannot be read: {error.strerror}")]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refuse(path, [Fault("", f"not TOML: {error}")]) from error
    except ValidationError as error:
        raise _refuse(path, from_validation(error, Dataset)) from error
    return dataset, path.parent / dataset.dataset.path


def _refuse(path: Path, faults: list[Fault]) -> DataError:
    return DataError(
        lines(str(path), faults),
        why="a mapping that is half understood would train on the wrong columns",
        remedy="correct the keys above (docs/formats/dataset.md has an example)",
    )

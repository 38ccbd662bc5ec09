"""dataset.toml: where a site's data lie and how its words map to the study's.

The file never leaves the site. Paths are relative to the file. Unknown keys are refused;
all faults are reported at once. docs/formats/dataset.md has an example of every kind.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core import toml_text
from modelward.core.faults import Fault, from_validation, lines
from modelward.errors import DataError
from modelward.readers.dataset_faults import contradictions

MISSING = ("", "NA", "N/A", "null", "NULL", "?")
"""What a table may write for a value that is not known, unless the file says otherwise."""

Kind = Literal["table", "omop", "fhir", "meds", "arrays", "dicom", "nifti"]

EVENT_KINDS = frozenset({"omop", "fhir", "meds"})
"""Kinds whose records are events with codes and times."""

IMAGE_KINDS = frozenset({"dicom", "nifti"})
"""Kinds that are folders of images, whose outcomes come from another source."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Source(_Part):
    """`[dataset]`: one store and how it is written."""

    kind: Kind = Field(description="What the store is.")
    path: str | None = Field(
        default=None, min_length=1, description="Relative to this file, or absolute."
    )
    url_env: str | None = Field(
        default=None,
        min_length=1,
        description="OMOP: environment variable with a postgresql:// address, not a path.",
    )
    database_schema: str = Field(
        default="", description="OMOP in a database: the schema of its tables."
    )
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
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark in tables.")
    thousands: Literal["", ".", ",", " ", "'"] = Field(
        default="", description="Mark between groups of three digits in tables; none if absent."
    )
    encoding: Literal["utf-8", "latin-1", "utf-16", "windows-1252"] = Field(
        default="utf-8", description="Of CSV files."
    )
    dates: str = Field(
        default="", description="How tables write dates, such as '%d.%m.%Y'; ISO if absent."
    )
    view: str | None = Field(
        default=None, min_length=1, description="FHIR: a ViewDefinition; see `[events]`."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        description="In `[sources]`: column that names the image file.",
    )
    link: str | None = Field(
        default=None,
        min_length=1,
        description="In `[sources]`: CSV of two columns, an id here and the id in `[dataset]`.",
    )


class Events(_Part):
    """`[events]`: columns of a table whose rows are events, not patients."""

    code: str = Field(min_length=1, description="Column with the code or the local name.")
    time: str = Field(min_length=1, description="Column with the date or time.")
    value: str | None = Field(default=None, description="Column with the value.")
    unit: str | None = Field(default=None, description="Column with the unit.")
    system: str = Field(default="", description="System of the codes, such as 'LOINC'.")


class Patients(_Part):
    """`[patients]`: a table of persons beside a table of events."""

    path: str = Field(min_length=1, description="Relative to this file, or absolute.")
    patient: str = Field(min_length=1, description="Column that names the patient.")
    sex: str | None = Field(default=None, description="Column with the sex.")
    birth: str | None = Field(default=None, description="Column with the date of birth.")
    death: str | None = Field(default=None, description="Column with the date of death.")


class Images(_Part):
    """`[images]`: what a folder of images does not say by itself."""

    patient: str | None = Field(
        default=None,
        min_length=1,
        description="PatientID, folder, or a pattern of the path with (?P<patient>...).",
    )
    modality: str | None = Field(
        default=None, min_length=1, description="NIfTI: what the files hold, such as 'MR'."
    )
    view: str | None = Field(
        default=None, min_length=1, description="DICOM: where a file does not say its view."
    )
    series: str | None = Field(
        default=None, min_length=1, description="DICOM: pattern of the series description."
    )
    cache: str | None = Field(
        default=None, min_length=1, description="Folder for tensors that were made already."
    )


class Dataset(_Part):
    """A whole dataset file.

    Attributes:
        dataset: The store and how it is written.
        columns: Feature, criterion or target name -> heading; the name itself if absent.
        units: Feature -> unit of this site's values where the store does not say.
        spellings: Unit as this site writes it -> UCUM code.
        values: Feature -> text of this site -> the study's level, or yes and no.
        codes: Code or name of this site -> the study's code.
        events: For `table`: rows are events.
        patients: For `table` with events: who the patients are.
        images: For `dicom` and `nifti`: whose they are, and which are taken.
        sources: Name -> another source of the same patients, written as a dataset file is.
    """

    dataset: Source
    columns: dict[str, str] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    spellings: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    codes: dict[str, str] = Field(default_factory=dict)
    events: Events | None = None
    patients: Patients | None = None
    images: Images | None = None
    sources: dict[str, "Dataset"] = Field(default_factory=dict)

    def heading(self, name: str) -> str:
        """Return the heading under which the file holds `name`."""
        return self.columns.get(name, name)

    @property
    def has_events(self) -> bool:
        """Whether the store holds events, and not one row per unit."""
        return self.dataset.kind in EVENT_KINDS or self.events is not None

    @property
    def has_images(self) -> bool:
        """Whether the store is a folder of image files."""
        return self.dataset.kind in IMAGE_KINDS


def read(path: Path) -> tuple[Dataset, Path]:
    """Return the dataset described at `path`, and the file or folder it names.

    Raises:
        DataError: With every fault found, if the file cannot be used as written.
    """
    try:
        dataset = Dataset.model_validate_json(toml_text.read(path), strict=True)
    except OSError as error:
        says = f"{path.name} cannot be read: {error.strerror}"
        raise _refuse(path, [Fault("", says)], NO_FILE) from error
    except toml_text.NotToml as error:
        says = f"not TOML: {error}{QUOTES if 'after a key' in str(error) else ''}"
        raise _refuse(path, [Fault("", says)]) from error
    except ValidationError as error:
        raise _refuse(path, from_validation(error, Dataset)) from error
    faults = contradictions(dataset)
    if faults:
        raise _refuse(path, faults)
    return _rooted(dataset, path.parent), path.parent / (dataset.dataset.path or "")


def _rooted(dataset: Dataset, folder: Path) -> Dataset:
    """Return `dataset` with the paths of what lies beside its store made absolute."""
    changed: dict[str, object] = {
        "sources": {
            name: _rooted_source(each, folder) for name, each in dataset.sources.items()
        }
    }
    if dataset.patients is not None:
        where = str(folder / dataset.patients.path)
        changed["patients"] = dataset.patients.model_copy(update={"path": where})
    if dataset.dataset.view is not None:
        where = str(folder / dataset.dataset.view)
        changed["dataset"] = dataset.dataset.model_copy(update={"view": where})
    if dataset.images is not None and dataset.images.cache is not None:
        where = str(folder / dataset.images.cache)
        changed["images"] = dataset.images.model_copy(update={"cache": where})
    return dataset.model_copy(update=changed)


def _rooted_source(source: Dataset, folder: Path) -> Dataset:
    named = {"path": source.dataset.path, "link": source.dataset.link,
             "opt_out": source.dataset.opt_out}  # fmt: skip
    moved = {key: str(folder / name) for key, name in named.items() if name is not None}
    rooted = _rooted(source, folder)
    return rooted.model_copy(update={"dataset": rooted.dataset.model_copy(update=moved)})


NO_FILE = "modelward data init STORE --study STUDY writes a first one"
QUOTES = ' (names with other than a-z 0-9 _ - stand in quotes: "männlich" = "male")'


def _refuse(path: Path, faults: list[Fault], remedy: str = "") -> DataError:
    return DataError(
        lines(str(path), faults),
        why="a mapping that is half understood would train on the wrong columns",
        remedy=remedy or "correct the keys above (docs/formats/dataset.md has an example)",
    )

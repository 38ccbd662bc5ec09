"""What contradicts itself in a dataset file whose keys are all known.

dataset.py reads the file and its shape; here are the agreements between keys: what a kind of
store has and has not, what a joined source cannot have, and marks that mean two things.
"""

from typing import TYPE_CHECKING

from modelward.core.faults import Fault

if TYPE_CHECKING:
    from modelward.readers.dataset import Dataset, Source


def contradictions(dataset: "Dataset") -> list[Fault]:
    """Return what contradicts itself in a dataset file and in its sources."""
    faults = _store_faults(dataset) + _image_faults(dataset)
    for name, source in dataset.sources.items():
        told = _store_faults(source) + _source_faults(source)
        faults += [Fault(f"sources.{name}.{fault.key}", fault.says) for fault in told]
    return faults


def _image_faults(dataset: "Dataset") -> list[Fault]:
    faults = []
    if dataset.images is not None and not dataset.has_images:
        faults.append(Fault("images", "is for the kinds 'dicom' and 'nifti'"))
    if dataset.has_images and not dataset.sources:
        faults.append(
            Fault("sources", "is missing: the outcome of images comes from a table or a store")
        )
    if dataset.sources and dataset.dataset.kind == "arrays":
        faults.append(Fault("sources", "an archive has its labels with it, and joins nothing"))
    for key in ("image", "link"):
        if getattr(dataset.dataset, key) is not None:
            faults.append(Fault(f"dataset.{key}", "is for [sources], which are joined to this"))
    return faults


def _source_faults(source: "Dataset") -> list[Fault]:
    """Return what a source that is joined to another one cannot have."""
    faults = []
    if source.has_images or source.dataset.kind == "arrays":
        faults.append(Fault("dataset.kind", "images come first: name them in [dataset]"))
    if source.sources:
        faults.append(Fault("sources", "a source has none of its own"))
    if source.dataset.kind == "table" and not (source.dataset.patient or source.dataset.image):
        faults.append(Fault("dataset.patient", "is missing: sources are joined on the patient"))
    if source.dataset.image is not None and (source.has_events or source.dataset.link):
        faults.append(Fault("dataset.image", "is for tables with one row per image"))
    return faults


def _view_faults(dataset: "Dataset") -> list[Fault]:
    source = dataset.dataset
    if source.view is None:
        return []
    faults = []
    if source.kind != "fhir":
        faults.append(Fault("dataset.view", "is for kind 'fhir' only"))
    if dataset.events is None:
        faults.append(Fault("events", "is missing: it names the columns of the view"))
    return faults


def _number_faults(source: "Source") -> list[Fault]:
    if source.thousands != source.decimal:
        return []
    return [Fault("dataset.thousands", "is the decimal mark too: name that under `decimal`")]


def _store_faults(dataset: "Dataset") -> list[Fault]:
    """Return what contradicts itself in one store."""
    source, faults = dataset.dataset, []
    if source.path is None and (source.kind != "omop" or source.url_env is None):
        faults.append(Fault("dataset.path", "is missing"))
    if source.path is not None and source.url_env is not None:
        faults.append(Fault("dataset.url_env", "excludes path: data come from one place"))
    if source.kind != "omop" and source.url_env is not None:
        faults.append(Fault("dataset.url_env", "is for kind 'omop' only"))
    faults += [*_view_faults(dataset), *_number_faults(source)]
    if dataset.events is not None and source.kind != "table" and source.view is None:
        faults.append(Fault("events", f"is for kind 'table'; {source.kind!r} knows its events"))
    if dataset.events is not None and source.patient is None:
        faults.append(Fault("dataset.patient", "is missing: events belong to patients"))
    if dataset.patients is not None and dataset.events is None:
        faults.append(Fault("patients", "goes with [events]"))
    if source.split is not None and dataset.has_events:
        faults.append(Fault("dataset.split", "is for rows that are patients; drop it"))
    return faults

"""What a folder of images shows of itself, for a first dataset.toml."""

from collections import Counter
from pathlib import Path
from typing import Literal

from modelward.core.study import Study
from modelward.readers.images.dicom import view_of
from modelward.readers.images.dicom_header import looks_like_dicom, read_header
from modelward.readers.images.frames import Unusable, files_under
from modelward.readers.images.nifti import ENDINGS

SAMPLE = 200
"""Files of a folder that are looked at."""


def kind_of_pictures(folder: Path) -> Literal["dicom", "nifti"] | None:
    """Return the kind of most of the first files in `folder`; None if they are no images."""
    found: Counter[Literal["dicom", "nifti"]] = Counter()
    for file in files_under(folder)[:SAMPLE]:
        if file.name.lower().endswith(ENDINGS):
            found["nifti"] += 1
        elif looks_like_dicom(file):
            found["dicom"] += 1
    return found.most_common(1)[0][0] if found else None


def picture_lines(folder: Path, study: Study) -> list[str]:
    """Return the lines for `[images]` and `[values]`: what is known, and what is not as a note.

    Modalities and views are words of the standard, not of a patient, and are named.
    """
    if study.image is None:
        return ["", "# The study asks for no image."]
    name, feature = study.image
    lines = ["", "[images]"]
    if not any(looks_like_dicom(file) for file in files_under(folder)[:SAMPLE]):
        lines.append(f'modality = "{feature.modality}"  # if that is what these files hold')
        lines.append(
            '# patient = "folder"   # the name up to the first _ names the patient if not'
        )
        return lines
    lines.append('patient = "PatientID"    # or "folder", or a pattern of the path')
    said = _said(folder) or "no modality"
    asked = " ".join(filter(None, (feature.modality, feature.view))) or "any"
    lines += [f"# The first files say: {said}; asked for: {asked}", "", f"[values.{name}]"]
    return [*lines, '# DX = "CR"   # where this site has another word for a modality or view']


def _said(folder: Path) -> str:
    """Return the modalities and views of the first files, with counts."""
    found: Counter[str] = Counter()
    for file in files_under(folder)[:SAMPLE]:
        try:
            header = read_header(file, ())
        except Unusable:
            continue
        words = str(header.get("Modality") or "?"), view_of(header) or ""
        found[" ".join(word for word in words if word.isalnum() and len(word) <= 16)] += 1  # noqa: PLR2004 - CS
    return ", ".join(f"{count} {what}" for what, count in found.most_common() if what)

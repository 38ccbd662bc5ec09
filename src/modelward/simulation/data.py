"""The two public data sets that the demo runs on, checked before they are used.

Attributions and how the files came about: data/SOURCES.md.
"""

import csv
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np

from modelward import durable
from modelward.errors import DataError

FOLDER = Path(__file__).parent / "data"
STUDIES = Path(__file__).parent / "studies"

SHA256 = {
    "processed.cleveland.data": (
        "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8"
    ),
    "processed.hungarian.data": (
        "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796"
    ),
    "processed.switzerland.data": (
        "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314"
    ),
    "processed.va.data": ("e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f"),
    "heart_split.csv": ("3fbe06bb0167f9d6b5708ee6f4a0c5446f480897f481701d4c1a2c0f5367917c"),
    "pneumoniamnist.npz": ("d0bfa3330f26554c4117328b1117f52bfb3746404b0594c58f37a09b4314d396"),
}

HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")

HEART_COLUMNS = (
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak",
    "slope", "ca", "thal", "num",
)  # fmt: skip


def checked(name: str) -> bytes:
    """Return the bytes of a shipped file.

    Raises:
        DataError: If the file is missing or is not the one that was shipped.
    """
    path = FOLDER / name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    if sha256(raw).hexdigest() != SHA256[name]:
        raise _damaged(path, "its SHA-256 is not the one that was shipped")
    return raw


def write_heart(path: Path) -> None:
    """Write the four hospitals as one CSV with columns `hospital` and `split`.

    All 920 patients are there; rows outside FLamby's 740 lack a feature that the study asks
    for, so the study's own rule leaves them out.
    """
    folds = {
        (row["hospital"], int(row["line"])): row["fold"]
        for row in csv.DictReader(StringIO(checked("heart_split.csv").decode()))
    }
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["hospital", "split", *HEART_COLUMNS])
    for hospital in HOSPITALS:
        lines = checked(f"processed.{hospital}.data").decode().split()
        for number, line in enumerate(lines, start=1):
            fold = folds.get((hospital, number), "train")
            writer.writerow([hospital, fold, *line.split(",")])
    durable.write_whole(path, text.getvalue().encode())


def write_pneumonia(path: Path) -> None:
    """Write PneumoniaMNIST as one archive: images, labels, and folds of the official split."""
    with np.load(BytesIO(checked("pneumoniamnist.npz")), allow_pickle=False) as archive:
        parts = ("train", "val", "test")
        images = np.concatenate([archive[f"{part}_images"] for part in parts])
        labels = np.concatenate([archive[f"{part}_labels"].reshape(-1) for part in parts])
        sizes = [len(archive[f"{part}_labels"]) for part in parts]
    folds = np.repeat(np.arange(3, dtype=np.int8), sizes)
    buffer = BytesIO()
    np.savez(buffer, images=images, labels=labels, folds=folds)
    durable.write_whole(path, buffer.getvalue())


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        f"demo file {path.name} cannot be used: {found}",
        why="results are compared with published ones, on exactly these bytes",
        remedy="install modelward again",
    )

"""Small studies with invented patients, the same every time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.core.study import Study
from modelward.gate.policy import Policy
from modelward.readers.cohort import Cohort
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.read import parse
from tests.ledgers import morning

TABLE = """
[study]
id = "small"
purpose = "Tell who falls ill"
min_patients = 10

[features.age]
type = "number"
unit = "a"
range = [0, 110]

[features.smoker]
type = "boolean"

[features.ward]
type = "category"
levels = ["medical", "surgical", "other"]

[target.ill]
type = "boolean"

[recipe]
name = "logistic"
options = { l2 = 1.0 }

[plan]
strategy = "newton"
rounds = 8
test = 0.25
"""
"""Three features, four columns, trained by Newton steps."""

AVERAGED = TABLE.replace('strategy = "newton"\nrounds = 8', "rounds = 3\nvalidation = 0.2") + (
    '\n[stop]\nmetric = "loss"\n'
)
"""The same question by averaged local training, watched on validation; no torch."""

IMAGES = """
[study]
id = "shades"
purpose = "Tell bright from dark"
unit = "image"
min_patients = 10

[features.image]
type = "image"
size = [12, 12]

[target.bright]
type = "boolean"

[recipe]
name = "cnn"
options = { channels = [4], groups = 2 }

[plan]
rounds = 3
batch = 16
momentum = 0.9
label_skew = "logit-adjustment"
validation = 0.2
test = 0.2

[stop]
metric = "auc"
"""
"""A very small network on very small images."""


def table_study(text: str = TABLE, *swaps: tuple[str, str]) -> Study:
    """Return the study in `text` after replacing each (old, new), which must be there."""
    for old, new in swaps:
        assert old in text, f"nothing to swap: {old!r}"
        text = text.replace(old, new)
    return parse(text)


def rows(number: int, seed: int = 0, *, first: int = 0) -> list[str]:
    """Return lines `hospital,patient,age,smoker,ward,ill` of invented patients."""
    rng = np.random.default_rng([seed, 1])
    age = rng.uniform(20, 95, number).round(1)
    smoker = rng.integers(0, 2, number)
    ward = rng.choice(["medical", "surgical", "other"], number)
    z = (age - 58) / 14 + 1.1 * smoker - 0.4 + 0.8 * (ward == "surgical")
    ill = rng.random(number) < 1 / (1 + np.exp(-z))
    hospital = rng.choice(["north", "south", "west"], number)
    return [
        f"{h},p{first + n:05d},{a},{s},{w},{int(i)}"
        for n, (h, a, s, w, i) in enumerate(zip(hospital, age, smoker, ward, ill, strict=True))
    ]


HEADING = "hospital,patient,age,smoker,ward,ill"


def write_csv(path: Path, lines: Sequence[str], heading: str = HEADING) -> Path:
    """Write a CSV file and return its path."""
    path.write_text("\n".join([heading, *lines]) + "\n")
    return path


def write_images(path: Path, number: int, seed: int = 0) -> Path:
    """Write an archive of 12x12 images, brighter where the label is 1."""
    rng = np.random.default_rng([seed, 2])
    labels = rng.integers(0, 2, number)
    pixels = rng.normal(100 + 40 * labels[:, None, None], 40, (number, 12, 12))
    images = np.clip(pixels, 0, 255).astype(np.uint8)
    np.savez(path, images=images, labels=labels)
    return path


def make_site(folder: Path, number: int, seed: int, text: str | None = None) -> Path:
    """Write a site's folder: `number` patients, dataset.toml and a fixed signing key."""
    folder.mkdir(parents=True)
    write_csv(folder / "data.csv", rows(number, seed, first=seed * 10_000))
    (folder / "dataset.toml").write_text(
        text or '[dataset]\nkind = "table"\npath = "data.csv"\npatient = "patient"\n'
    )
    write_key(folder / "site.key", seed)
    return folder


def key_of(seed: int) -> Ed25519PrivateKey:
    """Return the signing key of the site that was made with `seed`."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def write_key(path: Path, seed: int) -> None:
    """Write the signing key of `seed` where a site looks for it."""
    from cryptography.hazmat.primitives import serialization

    path.write_bytes(
        key_of(seed).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def hospital(
    folder: Path, name: str, *studies: Study, policy: Policy | None = None
) -> Hospital:
    """Open the site in `folder` on a clock that stands still, and join `studies`."""
    opened = Hospital(folder, name, clock=morning, policy=policy)
    for study in studies:
        opened.join(study)
    return opened


def cohort_of(opened: Hospital, study: Study) -> Cohort:
    """The units of a hospital whose trainer runs in this process."""
    assert isinstance(opened.trainer, DirectTrainer)
    return opened.trainer.cohort(study)

"""How often is a hospital told of a difference that is none, if patients have several images?

Two models of the same worth are judged by the product's own verdict on made-up test images of
one hospital. A score is the sum of what the outcome adds, of what is the patient's own (to both
models, and to each), and of what is the image's own; a fifth of the spread is the image's. The
outcome is the patient's, or each image has its own. `by unit` is what it would be if nobody had
said whose images they are; `by patient` is what is told. With `--power` the first model is
better (AUC about 0.92 against 0.76), and what is counted is that this is said.

    python -m bench.several_units [--repeats 2000] [--power]

With `--shares` it is how often the interval of a share holds the truth, by unit and by patient,
where units of a patient are alike by so much (correlation of what decides yes or no).

    python -m bench.several_units --shares --repeats 1500
"""

import argparse

import numpy as np
from scipy.special import ndtri

from modelward.evaluate.comparing.verdict import verdict
from modelward.evaluate.patients import rate
from modelward.evaluate.predictions import Predictions

UNEVEN = (1, 1, 1, 2, 3, 4, 8, 16)
"""Images of a patient, each as likely."""

Pair = tuple[Predictions, Predictions]


def drawn(
    rng: np.random.Generator, images: np.ndarray, *, each_its_own: bool, better: float
) -> tuple[Pair, Pair]:
    """Return two models without and with their patients named.

    Args:
        rng: Source of everything.
        images: Of every patient.
        each_its_own: Whether each image has an outcome of its own.
        better: By how much more the outcome adds to the first model's score.
    """
    patients = images.size
    owner = np.repeat(np.arange(patients), images)
    n = owner.size
    half = rng.permutation(np.arange(patients) < patients // 2)
    ill = rng.random(n) < 0.5 if each_its_own else half[owner]
    common = rng.normal(size=patients)[owner] * 0.6

    def model(adds: float) -> np.ndarray:
        own = rng.normal(size=patients)[owner] * 0.65 + rng.normal(size=n) * 0.45
        return 1 / (1 + np.exp(adds / 2 - adds * ill - common - own))

    p, q = model(1.0 + better), model(1.0)
    plain = Predictions.of(ill, p), Predictions.of(ill, q)
    return plain, (Predictions.of(ill, p, owner), Predictions.of(ill, q, owner))


def claims(
    patients: int, images: int, repeats: int, *, each_its_own: bool, better: float
) -> tuple[float, float]:
    """Return how often a difference is claimed: by unit, and by patient.

    Args:
        patients: Of the hospital.
        images: Of each; 0 for as many as `UNEVEN` says.
        repeats: Hospitals.
        each_its_own: Whether each image has an outcome of its own.
        better: As for `drawn`.
    """
    rng = np.random.default_rng(2026)
    found = np.zeros(2)
    for _ in range(repeats):
        many = rng.choice(UNEVEN, patients) if not images else np.full(patients, images)
        pairs = drawn(rng, many, each_its_own=each_its_own, better=better)
        for place, (one, other) in enumerate(pairs):
            word = verdict("a", one, other, unit="image", rng=np.random.default_rng(0)).word
            found[place] += word == "federated better" or (
                not better and word == "keep your local model"
            )
    by_unit, by_patient = found / repeats
    return float(by_unit), float(by_patient)


def covered(
    patients: int, images: int, repeats: int, *, share: float, alike: float
) -> tuple[float, float]:
    """Return how often the interval of a share holds it: by unit, and by patient.

    Args:
        patients: Of the hospital.
        images: Of each; 0 for as many as `UNEVEN` says.
        repeats: Hospitals.
        share: The truth.
        alike: Correlation of units of a patient.
    """
    rng = np.random.default_rng(2026)
    found = np.zeros(2)
    for _ in range(repeats):
        many = rng.choice(UNEVEN, patients) if not images else np.full(patients, images)
        owner = np.repeat(np.arange(patients), many)
        common, own = rng.normal(size=patients)[owner], rng.normal(size=owner.size)
        right = np.sqrt(alike) * common + np.sqrt(1 - alike) * own < ndtri(share)
        for place, whose in enumerate((None, owner)):
            ends = rate(right, whose, empty="").interval
            found[place] += ends is not None and ends.low <= share <= ends.high
    by_unit, by_patient = found / repeats
    return float(by_unit), float(by_patient)


def print_shares(repeats: int) -> None:
    """Print one line for each kind of hospital and share."""
    print("patients, images a patient, share, alike: truth held by unit, by patient")
    for patients in (15, 60):
        for images in (4, 0):
            for share in (0.6, 0.9):
                for alike in (0.0, 0.3, 0.8):
                    held = covered(patients, images, repeats, share=share, alike=alike)
                    print(
                        f"{patients:3} {images or '1 to 16':>8} {share} {alike}:"
                        f" {held[0]:6.1%} {held[1]:6.1%}",
                        flush=True,
                    )


def main() -> None:
    """Print one line for each kind of hospital."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--shares", action="store_true")
    asked = parser.parse_args()
    if asked.shares:
        print_shares(asked.repeats)
        return
    print("patients, outcome of, images a patient: claims by unit, by patient")
    for patients in (60, 16):
        for each_its_own in (False, True):
            for images in (1, 4, 8, 0):
                by_unit, by_patient = claims(
                    patients,
                    images,
                    asked.repeats,
                    each_its_own=each_its_own,
                    better=1.0 if asked.power else 0.0,
                )
                whose = "image" if each_its_own else "patient"
                print(
                    f"{patients:3} {whose:8} {images or '1 to 16':>8}:"
                    f" {by_unit:6.1%} {by_patient:6.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

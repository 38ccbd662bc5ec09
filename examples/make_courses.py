"""Invented courses of events, as 11_sequences_of_events.py trains on.

    python examples/make_courses.py courses.npz

1,200 patients of three hospitals in the year before an admission: creatinine, visits, and when
a pain killer (NSAID) was taken. Kidneys fail afterwards in those whose creatinine rises, and in
those who took the pain killer in the last month; how high creatinine is, and how often either
happens, says little. Hospitals measure more or less often. Nothing here is of a person.
"""

import sys

import numpy as np
from numpy.typing import NDArray

STEPS = 20
CREATININE, NSAID, VISIT = 1, 2, 3
HOSPITALS = {"north": (6.0, 500), "valley": (3.0, 200), "river": (8.0, 500)}
"""Measurements a year, and patients."""
LATE = 0.4
"""Share of patients who take the pain killer in the last month."""

Event = tuple[float, int, float]


def course(often: float, draw: np.random.Generator) -> tuple[list[Event], bool]:
    """Return the events of one patient, oldest first, and whether the kidneys fail."""
    level, trend, recent = draw.lognormal(0.1, 0.3), draw.normal(), draw.random() < LATE
    events = []
    for days in draw.integers(0, 366, 2 + draw.poisson(often)):
        value = level * (1 + 0.2 * trend * (1 - days / 365)) + draw.normal(0, 0.04)
        events.append((float(days), CREATININE, round(float(np.clip(value, 0.2, 15)), 2)))
    taken = draw.integers(45, 366, draw.poisson(1.5)).tolist()
    taken += draw.integers(1, 31, 1).tolist() * recent
    events += [(float(days), NSAID, 0.0) for days in taken]
    events += [(float(days), VISIT, 0.0) for days in draw.integers(0, 366, draw.poisson(3))]
    risk = 1 / (1 + np.exp(-(3 * trend + 3 * recent - 2.2)))
    latest = sorted(set(events), key=lambda event: (-event[0], *event[1:]))[-STEPS:]
    return latest, bool(draw.random() < risk)


def make(seed: int = 11) -> dict[str, NDArray[np.generic]]:
    """Return codes, times, values, labels, folds and hospitals of all."""
    draw = np.random.default_rng(seed)
    whose = [name for name, (_, patients) in HOSPITALS.items() for _ in range(patients)]
    packed, labels = np.zeros((len(whose), STEPS, 3)), []
    for row, name in enumerate(whose):
        events, failed = course(HOSPITALS[name][0], draw)
        packed[row, : len(events)] = events
        labels.append(failed)
    return {
        "times": packed[..., 0].astype(np.float32),
        "codes": packed[..., 1].astype(np.int64),
        "values": packed[..., 2].astype(np.float32),
        "labels": np.array(labels, np.int8),
        "folds": draw.choice([0, 1, 2], len(whose), p=(0.6, 0.1, 0.3)).astype(np.int8),
        "hospital": np.array(whose),
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **make())  # type: ignore[arg-type]
    print(f"wrote {sys.argv[1]}: {sum(n for _, n in HOSPITALS.values())} invented patients")

"""FedDyn against the plain loop of its paper, with sites that miss rounds."""

import numpy as np
import pytest

from modelward.aggregate import feddyn

ALPHA = 0.25
PATIENTS = {"a": 30, "b": 10, "c": 60}
PRESENT = [{"a", "b", "c"}, {"a", "b"}, {"c"}, {"a", "c"}, {"a", "b", "c"}, {"b"}]
OPTIMA = {"a": np.array([1.0, -2.0]), "b": np.array([5.0, 0.0]), "c": np.array([-1.0, 3.0])}


def nearest(site: str, own: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return argmin |x - optimum|^2 / 2 - <own, x> + ALPHA / 2 |x - theta|^2."""
    return np.asarray((OPTIMA[site] + own + ALPHA * theta) / (1 + ALPHA))


def test_a_site_that_misses_a_round_is_counted_as_in_algorithm_1_of_the_paper():
    # Acar et al. 2021: h <- h - alpha / m sum over those present, with m all sites.
    whole = sum(PATIENTS.values())
    theta, h = np.zeros(2), np.zeros(2)
    memory, model = feddyn.init(2), np.zeros(2, np.float32)
    own = dict.fromkeys(PATIENTS, np.zeros(2))
    for present in PRESENT:
        ends = {site: nearest(site, own[site], theta) for site in sorted(present)}
        here = sum(PATIENTS[site] for site in present)
        mean = np.sum([PATIENTS[s] / here * (end - theta) for s, end in ends.items()], axis=0)
        memory, model = feddyn.step(memory, model, mean.astype(np.float32), here, ALPHA)

        for site, end in ends.items():
            own[site] = own[site] - ALPHA * (end - theta)
        h = h - ALPHA * sum(PATIENTS[s] / whole * (end - theta) for s, end in ends.items())
        theta = sum(PATIENTS[s] / here * end for s, end in ends.items()) - h / ALPHA

        np.testing.assert_allclose(memory["h"], h, atol=1e-5)
        np.testing.assert_allclose(model, theta, atol=1e-4)
        everybody = sum(PATIENTS[s] / whole * own[s] for s in PATIENTS)
        np.testing.assert_allclose(memory["h"], everybody, atol=1e-5)


def test_a_site_that_refuses_one_round_of_sixty_does_not_move_the_optimum():
    memory, model = feddyn.init(2), np.zeros(2, np.float32)
    own = dict.fromkeys(PATIENTS, np.zeros(2))
    for number in range(200):
        present = ["a", "b"] if number == 3 else sorted(PATIENTS)
        theta = model.astype(float)
        here = sum(PATIENTS[site] for site in present)
        moves = {site: nearest(site, own[site], theta) - theta for site in present}
        mean = np.sum([PATIENTS[s] / here * move for s, move in moves.items()], axis=0)
        for site, move in moves.items():
            own[site] = own[site] - ALPHA * move
        memory, model = feddyn.step(memory, model, mean.astype(np.float32), here, ALPHA)

    pooled = sum(PATIENTS[s] * OPTIMA[s] for s in PATIENTS) / sum(PATIENTS.values())
    assert model == pytest.approx(pooled, abs=1e-3)

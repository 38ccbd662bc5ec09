"""One suite over every strategy: each is what its paper's plain loops give.

The references below are the papers' pseudo-code in float64 with Python loops, on the same
batches. What is tested runs the sites' and the hub's own code, on the grid and in float32.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.readers.cohort import Cohort
from modelward.recipes.layers.draws import draws
from tests.federations import SITES, cohort, federate, toy

Vector = Any
ROUNDS = 3
ALONE = {"south": SITES["south"]}


def gradient(w: Vector, x: Vector, y: Vector) -> Vector:
    """Mean gradient of the logistic loss; the intercept first."""
    total = np.zeros(3)
    for row, outcome in zip(x, y, strict=True):
        p = 1 / (1 + np.exp(-(w[0] + row @ w[1:])))
        total += (p - outcome) * np.array([1.0, *row])
    return total / len(y)


def batches(
    study: Study, site: str, number: int, held: Cohort
) -> Iterator[tuple[Vector, Vector]]:
    """Yield the batches of a site in a round, as the signed seed gives them."""
    draw = draws("train", study.plan.seed, number, site)
    fixed = study.plan.local.steps if study.plan.local else None
    made = 0
    for _ in range(1000 if fixed else study.plan.local_epochs):
        order = draw.permutation(len(held.y))
        for first in range(0, len(order), study.plan.batch):
            if fixed and made == fixed:
                return
            made += 1
            rows = order[first : first + study.plan.batch]
            yield held.x[rows], held.y[rows]


def descent(
    study: Study,
    site: str,
    number: int,
    held: Cohort,
    x: Vector,
    extra: Callable[[Vector], Vector] = np.zeros_like,
) -> tuple[Vector, int]:
    """Return y_i after local steps with `extra` on top of every gradient, and the steps."""
    y, velocity, steps = x.copy(), np.zeros_like(x), 0
    for rows, outcomes in batches(study, site, number, held):
        velocity = study.plan.momentum * velocity + gradient(y, rows, outcomes) + extra(y)
        y = y - study.plan.lr * velocity
        steps += 1
    return y, steps


def pulled(mu: float, anchor: Vector, y: Vector, force: Vector = 0.0) -> Vector:
    return mu * (y - anchor) + force


def constant(force: Vector, _: Vector) -> Vector:
    return force


def shares(sites: dict[str, Cohort]) -> dict[str, float]:
    total = sum(len(held.y) for held in sites.values())
    return {site: len(held.y) / total for site, held in sites.items()}


def fedavg(study: Study, sites: dict[str, Cohort], mu: float = 0.0) -> Vector:
    x: Vector = np.zeros(3)
    p = shares(sites)
    for number in range(1, ROUNDS + 1):
        ends = {
            site: descent(study, site, number, held, x, partial(pulled, mu, x))[0]
            for site, held in sites.items()
        }
        x = sum(p[site] * end for site, end in ends.items())
    return x


def scaffold(study: Study, sites: dict[str, Cohort]) -> Vector:
    """Karimireddy et al. 2020, Algorithm 1, option II, all sites in every round."""
    x, c, p = np.zeros(3), np.zeros(3), shares(sites)
    own = {site: np.zeros(3) for site in sites}
    for number in range(1, ROUNDS + 1):
        dx, dc = np.zeros(3), np.zeros(3)
        for site, held in sites.items():
            c_i = own[site]
            y, steps = descent(study, site, number, held, x, partial(constant, c - c_i))
            plus = c_i - c + (x - y) / (steps * study.plan.lr)
            dx, dc = dx + p[site] * (y - x), dc + p[site] * (plus - c_i)
            own[site] = plus
        x, c = x + dx, c + dc
    return x


def fednova(study: Study, sites: dict[str, Cohort], mu: float = 0.0) -> Vector:
    """Wang et al. 2020, eq. 9, with a_i accumulated step by step."""
    x, p, rho, lr = np.zeros(3), shares(sites), study.plan.momentum, study.plan.lr
    for number in range(1, ROUNDS + 1):
        effective, direction = 0.0, np.zeros(3)
        for site, held in sites.items():
            y, steps = descent(study, site, number, held, x, partial(pulled, mu, x))
            if mu:
                a = sum((1 - lr * mu) ** back for back in range(steps))
            else:
                a = sum(sum(rho**back for back in range(left)) for left in range(1, steps + 1))
            effective += p[site] * a
            direction += p[site] * (y - x) / a
        x = x + effective * direction
    return x


def feddyn(study: Study, sites: dict[str, Cohort], alpha: float) -> Vector:
    """Acar et al. 2021, Algorithm 1, with patients as weights."""
    theta, h, p = np.zeros(3), np.zeros(3), shares(sites)
    grads = {site: np.zeros(3) for site in sites}
    for number in range(1, ROUNDS + 1):
        ends = {}
        for site, held in sites.items():
            g = grads[site]
            ends[site], _ = descent(
                study,
                site,
                number,
                held,
                theta,
                partial(pulled, alpha, theta, force=-g),
            )
            grads[site] = g - alpha * (ends[site] - theta)
        h = h - alpha * sum(p[site] * (end - theta) for site, end in ends.items())
        theta = sum(p[site] * end for site, end in ends.items()) - h / alpha
    return theta


def cyclic(study: Study, sites: dict[str, Cohort]) -> Vector:
    x, names = np.zeros(3), sorted(sites)
    for number in range(1, ROUNDS + 1):
        site = names[(number - 1) % len(names)]
        x, _ = descent(study, site, number, sites[site], x)
    return x


def climbing(study: Study, sites: dict[str, Cohort], rho: float) -> Vector:
    """FedAvg over Foret et al. 2021, Algorithm 1."""
    x: Vector = np.zeros(3)
    p = shares(sites)
    for number in range(1, ROUNDS + 1):
        ends = {}
        for site, held in sites.items():
            y = x.copy()
            for rows, outcomes in batches(study, site, number, held):
                g = gradient(y, rows, outcomes)
                top = y + rho * g / np.linalg.norm(g)
                y = y - study.plan.lr * gradient(top, rows, outcomes)
            ends[site] = y
        x = sum(p[site] * end for site, end in ends.items())
    return x


def remembering(study: Study, sites: dict[str, Cohort], beta: float) -> Vector:
    """Karimireddy et al. 2021, section 4: momentum at the sites, their mean at the hub."""
    x, p = np.zeros(3), shares(sites)
    m = {site: np.zeros(3) for site in sites}
    for number in range(1, ROUNDS + 1):
        for site, held in sites.items():
            step = descent(study, site, number, held, x)[0] - x
            m[site] = beta * m[site] + (1 - beta) * step
        x = x + study.plan.server.lr * sum(p[site] * m[site] for site in sites)
    return x


def chosen(name: str, *swaps: tuple[str, str], more: str = "") -> Study:
    return toy(("[plan]", f'[plan]\nstrategy = "{name}"'), *swaps, more=more)


MOMENTUM = ("lr = 0.5", "lr = 0.2\nmomentum = 0.8")
CASES: dict[str, tuple[Study, Callable[[Study, dict[str, Cohort]], Vector]]] = {
    "fedavg": (toy(), fedavg),
    "fedavg, 3 steps": (toy(more="[plan.local]\nsteps = 3\n"), fedavg),
    "fedprox": (
        toy(more="[plan.local]\nproximal = 0.4\n"), lambda s, d: fedavg(s, d, 0.4)),
    "fedprox, momentum": (
        toy(MOMENTUM, more="[plan.local]\nproximal = 0.4\n"), lambda s, d: fedavg(s, d, 0.4)),
    "scaffold": (chosen("scaffold"), scaffold),
    "fednova": (chosen("fednova"), fednova),
    "fednova, momentum": (chosen("fednova", MOMENTUM), fednova),
    "fednova, pulled": (
        chosen("fednova", more="[plan.local]\nproximal = 0.4\n"),
        lambda s, d: fednova(s, d, 0.4)),
    "feddyn": (
        chosen("feddyn", more="[plan.local]\nalpha = 0.3\n"), lambda s, d: feddyn(s, d, 0.3)),
    "cyclic": (chosen("cyclic"), cyclic),
    "sharpness": (
        toy(more="[plan.local]\nsharpness = 0.1\n"), lambda s, d: climbing(s, d, 0.1)),
    "memory": (
        toy(more="[plan.local]\nmemory = 0.5\n[plan.server]\nlr = 2.0\n"),
        lambda s, d: remembering(s, d, 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sites", [SITES, ALONE], ids=["three sites", "one site"])
def test_a_strategy_is_what_the_plain_loops_of_its_paper_give(name, sites):
    study, reference = CASES[name]

    found = federate(study, sites, ROUNDS).models[-1].parameters

    np.testing.assert_allclose(found, reference(study, sites), atol=3e-6)


@pytest.mark.parametrize("name", ["scaffold", "fednova", "cyclic"])
def test_with_one_site_nothing_is_left_to_correct(name):
    plain = federate(toy(), ALONE, ROUNDS).models[-1].parameters

    found = federate(chosen(name), ALONE, ROUNDS).models[-1].parameters

    np.testing.assert_allclose(found, plain, atol=1e-6)


def test_with_one_site_feddyn_is_the_method_of_multipliers_and_ends_at_the_optimum():
    full = ("batch = 8\nlocal_epochs = 2", "batch = 64\nlocal_epochs = 30")
    study = chosen("feddyn", full, more="[plan.local]\nalpha = 0.05\n")

    end = federate(study, ALONE, 30).models[-1].parameters.astype(float)

    held = ALONE["south"]
    assert np.abs(gradient(end, held.x, held.y)).max() < 2e-3


@pytest.mark.parametrize("name", ["scaffold", "feddyn"])
def test_drift_is_corrected_where_plain_averaging_ends_elsewhere_than_pooled(name):
    full = ("batch = 8\nlocal_epochs = 2", "batch = 64\nlocal_epochs = 20")
    more = "[plan.local]\nalpha = 0.1\n" if name == "feddyn" else ""

    def residual(study: Study) -> float:
        end = federate(study, SITES, 60).models[-1].parameters.astype(float)
        p = shares(SITES)
        return float(np.abs(sum(
            p[site] * gradient(end, held.x, held.y) for site, held in SITES.items()
        )).max())  # fmt: skip

    assert residual(chosen(name, full, more=more)) < 0.2 * residual(toy(full))


def test_one_step_a_round_is_a_step_of_the_pooled_patients_however_they_are_dealt():
    whole = cohort(60, 4)
    order = np.argsort(whole.y, kind="stable")
    one_outcome_each = {
        f"s{n}": Cohort(x=whole.x[rows], y=whole.y[rows], folds=whole.folds[rows])
        for n, rows in enumerate(np.split(order, [7, 20, int((whole.y == 0).sum()), 50]))
    }
    one_step = ("batch = 8\nlocal_epochs = 2", "batch = 64")
    study = toy(one_step, more="[plan.local]\nsteps = 1\n")

    found = federate(study, one_outcome_each, 20).models[-1].parameters

    pooled = np.zeros(3)
    for _ in range(20):
        pooled = pooled - study.plan.lr * gradient(pooled, whole.x, whole.y)
    np.testing.assert_allclose(found, pooled, atol=3e-6)


@pytest.mark.parametrize("name", CASES)
def test_who_answers_first_changes_no_bit(name):
    study, _ = CASES[name]
    backwards = dict(reversed(SITES.items()))

    there = federate(study, SITES, 2).models[-1]

    assert federate(study, backwards, 2).models[-1].parameters.tobytes() == (
        there.parameters.tobytes()
    )

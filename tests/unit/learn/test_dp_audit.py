"""Training audited by what its releases show: honest noise holds, planted bugs are found.

200 canaries, each a patient with a column of their own; whoever sees the update reads off
their columns and guesses the 80 clearest. Right guesses could show 3.2; 1 is claimed.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.learn.dp import DpTerms, train
from modelward.learn.examples import Examples
from modelward.learn.patients import Patients
from modelward.privacy.fitting import noise_for
from modelward.privacy.leakage.one_run import chance, lower_bound, one_run
from modelward.privacy.noise import Secret
from modelward.recipes.catalogue import recipe

M, ROWS = 200, 20
GUESSES = 80
EPSILON, DELTA = 1.0, 1e-5
STEPS, SAMPLING = 4, 0.5
NOISE = noise_for(EPSILON, DELTA, sampling=SAMPLING, steps=STEPS)
MADE = recipe(RecipeChoice(name="logistic", options={"l2": 0.0}))
INPUTS = Inputs(kind="table", shape=(M,))

Release = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


def update(
    inside: NDArray[np.bool_],
    seed: int,
    *,
    noise: float = NOISE,
    clip: float = 0.3,
    by_row: bool = False,
    start: float = 0.0,
    task: str = "task",
) -> NDArray[np.float64]:
    """Return the update of a site whose patients are those `inside`, with twenty rows each."""
    owner = np.repeat(np.flatnonzero(inside), ROWS)
    x = np.eye(M, dtype=np.float32)[owner] * 30
    patients = Patients(np.arange(owner.size) if by_row else owner)
    terms = DpTerms(
        steps=STEPS,
        sampling=SAMPLING,
        noise=noise,
        clip=clip,
        patients=M,
        lr=0.05,
        release_clip=60.0,
    )
    examples = Examples(x=x, y=np.ones(owner.size, np.int8), patients=int(inside.sum()))
    weights = np.full(M + 1, start, np.float32)
    secret = Secret(bytes([seed]) * 32, ("study", 1, task, "cohort"))
    return train(MADE, weights, (examples, patients), terms, INPUTS, secret)[1:].astype("f8")


def honest(seed: int) -> Release:
    return lambda inside: update(inside, seed)


def no_noise(seed: int) -> Release:
    return lambda inside: update(inside, seed, noise=1e-3)


def clip_times_ten(seed: int) -> Release:
    """Noise for a clip of 0.3, and a patient may weigh ten times that."""
    return lambda inside: update(inside, seed, clip=3.0, noise=NOISE / 10)


def record_level(seed: int) -> Release:
    """Every row is clipped by itself, so a patient weighs twenty times what was priced."""
    return lambda inside: update(inside, seed, by_row=True)


def noise_reused(seed: int) -> Release:
    """A second round has the coins and the noise of the first; the hub subtracts."""

    def release(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        taught = update(inside, seed, start=20.0)  # at this model nobody has a gradient left
        return update(inside, seed) - taught

    return release


def noised_anew(seed: int) -> Release:
    """The same round is answered sixty times with other noise, as after sixty crashes."""
    return lambda inside: np.mean(
        [update(inside, seed, task=f"try {number}") for number in range(60)], axis=0
    )


def shown(of: Callable[[int], Release], seed: int) -> float:
    """Return the epsilon that one run of `of` shows at least."""
    inside = np.random.default_rng([seed, 3]).integers(0, 2, M).astype(np.bool_)
    return one_run(inside, of(seed)(inside), guesses=GUESSES, delta=DELTA).low


def test_of_twenty_models_nineteen_show_no_more_than_was_claimed():
    found = [shown(honest, seed) for seed in range(20)]

    assert sum(value <= EPSILON for value in found) >= 19


BUGS = [no_noise, clip_times_ten, record_level, noise_reused, noised_anew]


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_shows_more_than_was_claimed(bug):
    assert all(shown(bug, seed) > EPSILON for seed in range(3))


@pytest.mark.exhaustive
@pytest.mark.parametrize("bug", BUGS)
def test_nineteen_of_twenty_models_with_a_planted_bug_show_it(bug):
    assert sum(shown(bug, seed) > EPSILON for seed in range(20)) >= 19


def test_two_rounds_of_an_honest_site_do_not_cancel():
    """What `noise_reused` does, with the names that a site gives to two tasks."""

    def release(seed: int) -> Release:
        return lambda inside: (
            update(inside, seed, task="one") - update(inside, seed, start=20.0, task="two")
        )

    found = [shown(release, seed) for seed in range(20)]

    assert sum(value <= EPSILON for value in found) >= 19


def test_perfect_guesses_show_what_the_paper_says_they_can():
    found = [round(lower_bound(m, m, m, 0.0, 0.05), 2) for m in (100, 300, 1000)]

    assert found == [pytest.approx(3.49, abs=0.02), pytest.approx(4.6, abs=0.02), 5.81]
    assert lower_bound(50, 100, 100, 0.0, 0.05) == 0.0
    assert chance(10, 10, 100, 0.0, 0.0) == pytest.approx(2.0**-10)

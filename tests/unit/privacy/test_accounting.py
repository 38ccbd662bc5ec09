"""Prices of events: published figures first, then what must hold for any events."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from modelward.errors import BadPrivacyTerms
from modelward.privacy.accounting import (
    Event,
    canonical,
    epsilon,
    epsilon_rdp,
)
from modelward.privacy.fitting import noise_for, steps_within

DELTA = 1e-5
STUDY = Event(sampling=256 / 4096, noise=1.0, steps=800)

events = st.builds(
    Event,
    sampling=st.sampled_from([0.01, 0.05, 0.2]),
    noise=st.sampled_from([1.5, 3.0, 6.0]),
    steps=st.integers(1, 12),
)
few = settings(max_examples=8, deadline=None)


def gaussian_epsilon(sigma: float) -> float:
    """Return the exact epsilon of one Gaussian release (Balle and Wang 2018, Theorem 8)."""

    def excess(e: float) -> float:
        a, b = 0.5 / sigma, e * sigma
        return float(norm.cdf(a - b) - 2.718281828459045**e * norm.cdf(-a - b) - DELTA)

    return float(brentq(excess, 0.0, 50.0))


@pytest.mark.slow
def test_a_study_of_800_steps_costs_what_dp_accounting_published():
    assert epsilon([STUDY], DELTA) == pytest.approx(12.55, abs=0.005)
    assert epsilon_rdp([STUDY], DELTA) == pytest.approx(13.76, abs=0.005)


@pytest.mark.slow
def test_two_equal_studies_cost_less_together_than_the_sum_of_their_prices():
    study = Event(sampling=0.032, noise=0.9, steps=290)

    one, two = epsilon([study], DELTA), epsilon([study, study], DELTA)

    assert 2 * one == pytest.approx(8.90, abs=0.005)
    assert two == pytest.approx(6.18, abs=0.005)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 4.0])
def test_one_release_costs_what_the_closed_form_says(sigma):
    exact = gaussian_epsilon(sigma)

    assert exact <= epsilon([Event(1.0, sigma, 1)], DELTA) <= exact + 2e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patients", "batch", "by_moments", "by_losses"),
    [(1000, 64, 2.26, 2.114), (5000, 128, 1.53, 1.440), (30000, 256, 1.07, 1.018)],
)
def test_thirty_epochs_at_epsilon_3_need_this_noise(patients, batch, by_moments, by_losses):
    steps, delta = round(30 * patients / batch), min(DELTA, 1 / (10 * patients))

    noise = noise_for(3.0, delta, sampling=batch / patients, steps=steps)

    moments = epsilon_rdp([Event(batch / patients, by_moments, steps)], delta)
    assert moments == pytest.approx(3.0, abs=0.025)
    assert noise == by_losses
    assert epsilon([Event(batch / patients, noise, steps)], delta) <= 3.0
    assert epsilon([Event(batch / patients, noise - 0.001, steps)], delta) > 3.0


@pytest.mark.slow
def test_noise_makes_room_for_what_was_spent_before():
    before = [Event(0.05, 2.0, 20)]

    noise = noise_for(1.0, DELTA, sampling=0.05, steps=20, before=before)

    assert noise > noise_for(1.0, DELTA, sampling=0.05, steps=20)
    assert epsilon([*before, Event(0.05, noise, 20)], DELTA) <= 1.0


def test_no_noise_is_enough_once_everything_is_spent():
    with pytest.raises(BadPrivacyTerms, match="no noise up to") as caught:
        noise_for(1.0, DELTA, sampling=1.0, steps=1, before=[Event(1.0, 1.0, 1)])

    assert "fewer rounds" in caught.value.remedy


@pytest.mark.slow
def test_the_steps_that_fit_are_the_most_that_fit():
    step = Event(0.0625, 1.0, 800)

    fitting = steps_within(4.0, DELTA, step)

    assert epsilon([Event(0.0625, 1.0, fitting)], DELTA) <= 4.0
    assert epsilon([Event(0.0625, 1.0, fitting + 1)], DELTA) > 4.0 - 1e-3
    assert steps_within(20.0, DELTA, step) == 800
    assert steps_within(0.1, DELTA, step) == 0


def test_nothing_costs_nothing():
    assert epsilon([], DELTA) == 0.0
    assert epsilon_rdp([], DELTA) == 0.0


def test_a_release_without_enough_delta_costs_infinitely_much():
    assert epsilon([Event(1.0, 1.0, 1)], 1e-30) == inf


@pytest.mark.slow
@few
@given(st.lists(events, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_order_and_splitting_never_change_a_bit(spent, random):
    split = [Event(e.sampling, e.noise, 1) for e in spent for _ in range(e.steps)]
    random.shuffle(split)

    assert canonical(split) == canonical(spent)
    assert epsilon(split, DELTA) == epsilon(spent, DELTA)


@pytest.mark.slow
@few
@given(st.lists(events, min_size=1, max_size=3), events)
def test_more_use_never_costs_less_and_more_noise_never_costs_more(spent, more):
    quieter = Event(more.sampling, 2 * more.noise, more.steps)
    price = epsilon([*spent, more], DELTA)

    assert price >= epsilon(spent, DELTA)
    assert epsilon([*spent, quieter], DELTA) <= price
    assert epsilon([*spent, more], DELTA * 10) <= price


@pytest.mark.slow
@few
@given(st.lists(events, min_size=1, max_size=3))
def test_moments_never_promise_more_than_loss_distributions(spent):
    assert epsilon(spent, DELTA) <= epsilon_rdp(spent, DELTA) + 1e-3


@pytest.mark.parametrize(
    ("sampling", "noise", "steps"),
    [(0.0, 1.0, 1), (1.1, 1.0, 1), (0.1, 0.0, 1), (0.1, -1.0, 1), (0.1, inf, 1), (0.1, 1.0, 0)],
)
def test_an_event_without_a_price_is_refused(sampling, noise, steps):
    with pytest.raises(BadPrivacyTerms, match="an event of sampling"):
        Event(sampling, noise, steps)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-5, 2.0])
def test_a_delta_that_is_no_probability_is_refused(delta):
    with pytest.raises(BadPrivacyTerms, match="delta is"):
        epsilon([STUDY], delta)

"""A study is priced before anybody signs it."""

from collections.abc import Callable

import pytest

from modelward.errors import BadPrivacyTerms
from modelward.privacy.plan import plan_of
from modelward.simulation.forecast import forecast
from tests.private_studies import NOISED, WATCHED, private_study
from tests.studies import table_study


def ticks() -> Callable[[], float]:
    """Return a clock that is one second further at every look."""
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    return clock


@pytest.mark.slow
def test_a_forecast_tells_noise_budget_bytes_and_time():
    study = private_study(WATCHED)

    found = forecast(study, [5, 100, 400], ticks())

    said = "\n".join(found.lines)
    noise = plan_of(study).training.noise
    assert f"noise      {noise:g} times the clip norm 1, in 6 steps" in said
    assert "metrics    noise" in said
    assert 2.9 < float(str(found.figures["epsilon"])) <= 3.0
    few, some, many = found.sites
    assert few.says.startswith("sits out")
    assert some.in_a_step == 50.0
    assert some.noise_to_signal == pytest.approx(4 * many.noise_to_signal)
    assert some.seconds == pytest.approx(50 * 2 / 64)  # 64 units took a second, twice 50 come
    assert len(found.to_json()["sites"]) == 3  # type: ignore[arg-type]


@pytest.mark.slow
def test_noise_to_signal_by_hand():
    study = private_study()
    noise = plan_of(study).training.noise

    (site,) = forecast(study, [100], ticks()).sites

    assert site.noise_to_signal == pytest.approx(noise * 5**0.5 / (50 * 6**0.5))


@pytest.mark.slow
def test_noised_statistics_are_told():
    said = "\n".join(forecast(private_study(NOISED), [100], ticks()).lines)

    assert "statistics noise" in said


def test_a_study_without_a_bound_has_no_price():
    with pytest.raises(BadPrivacyTerms, match="asks for no differential privacy"):
        forecast(table_study(), [100])

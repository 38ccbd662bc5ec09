"""Shapes, starts and predictions of the networks and of logistic regression."""

import numpy as np
import pytest

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.errors import DataError
from modelward.recipes.catalogue import recipe
from modelward.recipes.regression.logistic import Logistic
from modelward.recipes.regression.logistic import Options as LogisticOptions

XRAY = Inputs("image", (28, 28))
ROWS = Inputs("table", (30,))

BENCH_CNN = RecipeChoice(
    name="cnn",
    options={
        "channels": (16, 32),
        "hidden": (64,),
        "norm": "none",
        "padding": "valid",
        "pool": "flatten",
    },
)


def shapes(choice: RecipeChoice, inputs: Inputs) -> dict[str, tuple[int, ...]]:
    """Return the parameters of a recipe by name."""
    return {spec.name: spec.shape for spec in recipe(choice).schema(inputs)}


def test_the_small_x_ray_network_has_24_thousand_parameters():
    assert recipe(RecipeChoice(name="cnn")).schema(XRAY).size == 23_585


def test_the_network_of_the_benchmark_has_56_thousand_parameters():
    found = shapes(BENCH_CNN, XRAY)

    assert found["conv2.weight"] == (32, 3, 3, 16)
    assert found["hidden1.weight"] == (64, 800)
    assert recipe(BENCH_CNN).schema(XRAY).size == 56_129


def test_the_perceptron_of_the_benchmark_has_6_thousand_parameters():
    found = shapes(RecipeChoice(name="mlp"), ROWS)

    assert list(found) == sorted(found)
    assert found["hidden1.weight"] == (64, 30)
    assert found["logit.weight"] == (1, 64)
    assert recipe(RecipeChoice(name="mlp")).schema(ROWS).size == 6_209


@pytest.mark.parametrize("name", ["logistic", "mlp", "cnn"])
def test_every_parameter_is_float32_and_none_is_a_buffer(name):
    inputs = XRAY if name == "cnn" else ROWS

    schema = recipe(RecipeChoice(name=name)).schema(inputs)

    endings = {spec.name.rsplit(".", 1)[-1] for spec in schema}
    assert {spec.dtype for spec in schema} == {"F32"}
    assert endings <= {"intercept", "weight", "bias", "gain"}


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_start_belongs_to_its_seed(name):
    inputs = XRAY if name == "cnn" else ROWS
    chosen = recipe(RecipeChoice(name=name))

    again, other = chosen.initial(inputs, 5), chosen.initial(inputs, 6)

    assert chosen.initial(inputs, 5).tobytes() == again.tobytes()
    assert again.tobytes() != other.tobytes()
    assert again.dtype == np.float32


def test_weights_start_with_the_variance_of_he_et_al():
    chosen = recipe(RecipeChoice(name="mlp", options={"hidden": (400, 400)}))

    start = chosen.schema(ROWS).split(chosen.initial(ROWS, 0))

    assert start["hidden2.weight"].var() == pytest.approx(2 / 400, rel=0.02)
    assert start["logit.weight"].var() == pytest.approx(1 / 400, rel=0.2)
    assert not start["hidden1.bias"].any()


def test_an_image_that_is_used_up_is_refused_with_a_way_forward():
    with pytest.raises(DataError, match="4 x 28 pixels is used up by 3") as caught:
        recipe(RecipeChoice(name="cnn", options={"padding": "valid"})).schema(
            Inputs("image", (4, 28))
        )

    assert "fewer entries" in caught.value.remedy


def test_logistic_probabilities_by_hand():
    flat = np.array([1.0, 2.0, -1.0], np.float32)  # intercept, then weights
    x = np.array([[0.0, 1.0], [1.0, 0.0]])

    found = Logistic(LogisticOptions()).probabilities(flat, x, Inputs("table", (2,)))

    assert found.tolist() == pytest.approx([0.5, 1 / (1 + np.exp(-3))])
    assert found.dtype == np.float64


@pytest.mark.parametrize("name", ["logistic", "mlp", "cnn"])
def test_predictions_do_not_depend_on_who_else_is_predicted_or_on_writable_memory(name):
    drawn = np.random.default_rng(0)
    if name == "cnn":
        inputs, x = XRAY, drawn.integers(0, 256, (600, 28, 28), np.uint8)
    else:
        inputs, x = ROWS, drawn.normal(size=(600, 30)).astype(np.float32)
    chosen = recipe(RecipeChoice(name=name))
    flat = chosen.initial(inputs, 0) + np.float32(0.01)
    flat.flags.writeable = False

    whole = chosen.probabilities(flat, x, inputs)

    assert whole.shape == (600,)
    assert ((whole > 0) & (whole < 1)).all()
    np.testing.assert_allclose(chosen.probabilities(flat, x[:7], inputs), whole[:7], rtol=1e-4)
    assert chosen.probabilities(flat, x[:0], inputs).shape == (0,)

"""A model is its parameters and its frozen scaling, in one bundle."""

import numpy as np
import pytest

from modelward.artifact import bundle
from modelward.study.answers import SCORE_BINS, answer_to
from modelward.study.model import Model, initial, model_schema, parameter_schema
from modelward.study.scaling import Scaling
from tests.studies import AVERAGED, IMAGES, TABLE, table_study

SCALING = Scaling(np.arange(4.0), np.ones(4), np.full(4, 2.0))


@pytest.mark.parametrize(
    ("text", "scaling", "dtype"),
    [(TABLE, SCALING, "F64"), (AVERAGED, SCALING, "F32"), (IMAGES, None, "F32")],
    ids=["newton", "averaged", "images"],
)
def test_a_model_survives_its_bundle(text, scaling, dtype):
    study = table_study(text)
    start = initial(study, scaling)
    flat = (start.parameters + np.linspace(0, 1, start.parameters.size)).astype(
        start.parameters.dtype
    )
    model = Model(study, flat, scaling)

    raw = bundle.to_bytes(model.tensors, model.schema)
    again = Model.from_tensors(study, bundle.parse(raw, model_schema(study)))

    assert np.array_equal(again.parameters, flat)
    assert again.parameters.dtype == flat.dtype
    assert {spec.dtype for spec in parameter_schema(study)} == {dtype}
    assert (again.scaling is None) == (scaling is None)
    if again.scaling is not None:
        assert np.array_equal(again.scaling.center, SCALING.center)


def test_newton_starts_from_zero_whatever_the_seed():
    assert not initial(
        table_study(TABLE, ("test =", "seed = 5\ntest =")), SCALING
    ).parameters.any()


def test_a_network_starts_from_the_seed_of_the_study():
    one, same, other = (
        initial(table_study(IMAGES, ("batch = 16", f"batch = 16\nseed = {seed}")), None)
        for seed in (1, 1, 2)
    )

    assert np.array_equal(one.parameters, same.parameters)
    assert not np.array_equal(one.parameters, other.parameters)


@pytest.mark.parametrize(
    ("text", "task", "kind", "names"),
    [
        (TABLE, "statistics", "statistics", ["known", "square", "total", "units"]),
        (TABLE, "newton", "statistics", ["gradient", "hessian", "loss"]),
        (AVERAGED, "train", "update", ["intercept", "weight"]),
        (AVERAGED, "evaluate", "metrics", ["counts"]),
        (IMAGES, "statistics", "statistics", ["units"]),
    ],
)
def test_the_answer_to_every_task_is_fixed_by_the_study(text, task, kind, names):
    found, schema = answer_to(table_study(text), task)

    assert (found, [spec.name for spec in schema]) == (kind, names)


def test_score_bins_are_even_so_that_one_half_is_an_edge():
    assert SCORE_BINS % 2 == 0

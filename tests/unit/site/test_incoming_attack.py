"""An attack that reads records out of one honest update, and the site that refuses its model.

Robbing the Fed (Fowl et al. 2022, arXiv:2110.13057, section 3): all units of a layer measure
one quantity h(x), and unit i fires where h(x) is above its threshold. The difference of the
gradients of two neighbours is then the sum over the records between two thresholds; where
that is one record, weight change over bias change is the record itself.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelward.core.task import Task
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import compute
from modelward.site.entering.intake import Seen, model_objections
from modelward.study.model import Model, initial, parameter_schema
from modelward.study.read import parse

INPUTS, UNITS, PATIENTS = 16, 64, 40

STUDY = parse(
    '[study]\nid = "labs"\npurpose = "Predict sepsis"\nmin_patients = 10\n'
    + "".join(
        f'[features.lab{i:02}]\ntype = "number"\nunit = "1"\nrange = [-9, 9]\nscale = "none"\n'
        for i in range(INPUTS)
    )
    + '[target.sepsis]\ntype = "boolean"\n[recipe]\nname = "mlp"\n'
    + f"options = {{ hidden = [{UNITS}] }}\n"
    + f"[plan]\nrounds = 9\nbatch = {PATIENTS}\nlr = 1.0\ntest = 0.0\n"
)
DRAW = np.random.default_rng(7)
LOCAL = Cohort(
    x=DRAW.normal(0, 1, (PATIENTS, INPUTS)),
    y=DRAW.integers(0, 2, PATIENTS).astype(np.int8),
    folds=np.zeros(PATIENTS, np.int8),
)
SCHEMA = parameter_schema(STUDY)
START = initial(STUDY, None)


def imprinted() -> Model:
    """Return the model of a hub that reads: 64 thresholds over the mean of the inputs."""
    named = {name: values.copy() for name, values in SCHEMA.split(START.parameters).items()}
    thresholds = np.linspace(-0.6, 0.6, UNITS)  # of a mean of 16 standard normal values
    named["hidden1.weight"][...] = 1.0 / INPUTS
    named["hidden1.bias"][...] = -thresholds
    named["logit.weight"][...] = 0.01
    return replace(START, parameters=SCHEMA.join(named))


def read_off(model: Model) -> int:
    """Return how many of the site's records one honest update on `model` gives away."""
    task = Task(study=STUDY.sha256, round_no=3, kind="train", model="0" * 64)
    tensors = compute(
        task, STUDY, replace(model, scaling=START.scaling), LOCAL, "north"
    ).tensors
    weight = np.diff(tensors["hidden1.weight"].astype(np.float64), axis=0)
    bias = np.diff(tensors["hidden1.bias"].astype(np.float64))
    quotients = weight[np.abs(bias) > 2**-18] / bias[np.abs(bias) > 2**-18, None]
    return len({who for each in quotients for who in near(each)})


def near(found: NDArray[np.float64]) -> list[int]:
    """Return the record that `found` is, to three digits, if it is one."""
    apart = np.abs(LOCAL.x - found).max(axis=1)
    return [int(apart.argmin())] if apart.min() < 5e-3 else []


def rules(model: Model) -> set[str]:
    """Return what a site has against `model`, which comes at the start of round 3."""
    task = Task(study=STUDY.sha256, round_no=3, kind="train", model="0" * 64)
    return {found.rule for found in model_objections(task, model, Seen(), None)}


def test_the_attack_reads_records_where_nobody_looks_at_the_model():
    assert read_off(imprinted()) >= PATIENTS // 4
    assert read_off(START) == 0


def test_the_site_refuses_the_model_before_it_trains():
    found = rules(imprinted())

    assert "intake-crafted" in found
    assert "intake-step" not in found, "the way there is short enough to be a round's step"


def test_a_model_that_was_trained_is_let_in():
    model = START
    for round_no in (1, 2):
        task = Task(study=STUDY.sha256, round_no=round_no, kind="train", model="0" * 64)
        update = SCHEMA.join(compute(task, STUDY, model, LOCAL, "north").tensors)
        model = replace(model, parameters=model.parameters + update)

    assert rules(model) == set()

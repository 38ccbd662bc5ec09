"""What is a site's own under a privacy bound, and that nothing which leaves depends on it.

The same task with the same secret is computed once for the plain study and once for one with
`[plan.personal]`. What leaves has the same bits, whatever was kept; own layers are what the
noised steps of the plain study make of them.
"""

from dataclasses import replace

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32, Tensors
from modelward.privacy.accounting import Event
from modelward.site.answering.answer import compute
from modelward.site.answering.own_round import with_own_layers
from modelward.site.budget.spending import Booked
from modelward.study.method import own_lines
from modelward.study.model import initial
from modelward.study.own import own_places, update_schema
from modelward.study.scaling import frozen
from tests.private_studies import PRIVATE, private_study
from tests.unit.site.test_private_answer import cohort

PAID = Booked(event=Event(0.5, 1.0, 3), statistics=None, key=bytes(32), card={})
TASK = Task(study="ab" * 32, round_no=1, kind="train", model="cd" * 32)
SIZE = 5


def own(kind: str, more: str = "") -> Study:
    return private_study(PRIVATE + f'\n[plan.personal]\nkind = "{kind}"\n{more}')


def trained(study: Study, kept: Tensors | None = None) -> tuple[FlatF32, Tensors]:
    """Return what leaves, [common], and what is kept."""
    start = replace(initial(study, frozen(study, {})), kept=kept or {})
    found = compute(TASK, study, start, cohort(), "north", PAID)
    return update_schema(study).join(found.tensors), found.kept


@pytest.fixture(scope="module")
def plain() -> FlatF32:
    """What leaves where nothing is a site's own."""
    return trained(private_study(PRIVATE))[0]


@pytest.mark.parametrize("kind", ["ditto", "fine-tune"])
def test_a_second_model_changes_no_bit_of_what_leaves(plain, kind):
    more = "epochs = 3\n"
    found, kept = trained(own(kind, more))

    assert found.tobytes() == plain.tobytes()
    if kind == "ditto":
        other = {"personal": kept["personal"] + np.float32(1.0)}
        assert trained(own(kind, more), other)[0].tobytes() == plain.tobytes()


def test_a_second_model_that_breaks_down_is_told_to_nobody(plain):
    """It was trained without noise: a failure of it would be a look that nobody paid for."""
    broken = {"personal": np.full(SIZE, 3e38, np.float32)}
    found, kept = trained(own("ditto"), broken)

    assert found.tobytes() == plain.tobytes()
    assert np.isfinite(kept["personal"]).all()


def test_own_layers_are_what_the_noised_steps_make_of_them(plain):
    study = own("head")
    places = own_places(study)
    assert places is not None

    found, kept = trained(study)

    start = initial(study, frozen(study, {}))
    assert found.tobytes() == plain[~places].tobytes()
    assert kept["layers"].tobytes() == (start.parameters + plain)[places].tobytes()
    again = replace(start, kept=kept)
    assert with_own_layers(again)[places].tobytes() == kept["layers"].tobytes()


def test_whoever_approves_reads_whom_the_bound_holds_for():
    assert "holds for a site's own layers as well" in " ".join(own_lines(own("head")))
    assert "a site's own model has none" in " ".join(own_lines(own("ditto")))

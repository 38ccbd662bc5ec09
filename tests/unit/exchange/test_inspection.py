"""What the inspector of the network finds in each kind, and what it does not."""

import numpy as np
import pytest

from modelward.exchange.documents.card import Made
from modelward.exchange.documents.content import prototypes
from modelward.exchange.documents.question import Question
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.class_means import persons_of
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.inspection import Looker, Subject

ASKED = Question(
    id="spots", purpose="tell spots", labels=("none", "one"), inputs=(12, 12),
    shared="0" * 64, shared_units=40,
)  # fmt: skip


def images(draw: np.random.Generator, n: int) -> np.ndarray:
    rough = draw.standard_normal((n, 4, 4)).repeat(3, axis=1).repeat(3, axis=2)
    return (rough + 0.3 * draw.standard_normal((n, 12, 12))).astype(np.float32)


@pytest.fixture
def own() -> Examples:
    draw = np.random.default_rng(5)
    return Examples(
        images(draw, 60), draw.integers(0, 2, 60), images(draw, 60), draw.integers(0, 2, 60)
    )


@pytest.fixture
def looker(own: Examples) -> Looker:
    return Looker(ASKED, own, images(np.random.default_rng(6), 40), 0.999)


def model(family: str) -> dict[str, np.ndarray]:
    return {k: np.array(v) for k, v in load(family).initial(ASKED.shape, 3).items()}


def subject(kind: str, family: str, tensors: dict[str, np.ndarray]) -> Subject:
    made = Made(family=family, inputs=(12, 12))
    return Subject(kind=kind, made=made, tensors=tensors, seed=3)  # type: ignore[arg-type]


def test_nothing_is_found_in_a_model_that_has_seen_nobody(looker):
    found = looker.look(subject("model", "mlp-16", model("mlp-16")))

    assert (found.copies.passages, found.copies.rows, found.recovered) == (0, 0, 0)
    assert found.likeness is not None
    assert found.likeness.own <= found.likeness.threshold
    assert all(each.found_low <= 0.05 for each in found.membership)
    assert {each.group for each in found.membership} == {"all", "class none", "class one"}


@pytest.mark.parametrize("scale", [0.01, -3.0])
def test_an_image_on_any_scale_is_found_in_a_model(looker, own, scale):
    tensors = model("mlp-16")
    tensors["hidden.weight"][4] = scale * own.x[9].reshape(-1) + 0.2

    assert looker.look(subject("model", "mlp-16", tensors)).copies.passages >= 3


def test_a_unit_that_one_image_moved_gives_it_away(looker, own):
    tensors = model("mlp-16")
    tensors["hidden.weight"][2] += 0.05 * own.x[11].reshape(-1)
    tensors["hidden.bias"][2] += 0.05

    assert looker.look(subject("model", "mlp-16", tensors)).recovered == 1


def test_a_base_that_fires_for_single_images_is_a_trap(looker, own):
    base = model("mlp-16")
    for unit in range(16):
        row = own.x[unit].reshape(-1)
        base["hidden.weight"][unit] = row
        others = np.delete(own.x, unit, axis=0).reshape(59, -1) @ row
        base["hidden.bias"][unit] = -(float(others.max()) + float(row @ row)) / 2
    adapter = {name: values for name, values in base.items() if name.startswith("out.")}
    made = Made(family="mlp-16", inputs=(12, 12))
    asked = Subject(kind="adapter", made=made, tensors=adapter, base=base)

    found = looker.look(asked)

    assert found.units == 16
    assert found.traps > 8


def test_predictions_that_know_whose_label_is_what_show_in_the_student_that_they_teach(own):
    draw = np.random.default_rng(7)
    shared = np.concatenate([own.x[:30], images(draw, 10)])  # own images in the shared set
    looker = Looker(ASKED, own, shared, 0.999)
    y = np.concatenate([own.y[:30], draw.integers(0, 2, 10)])
    levels = np.where(np.eye(2)[y] > 0, 0, 255).astype(np.uint8)

    found = looker.look(subject("predictions", "mlp-16", {"levels": levels}))

    assert found.membership[0].auc_low > 0.55
    assert found.likeness is None


def test_a_prototype_of_one_patient_is_a_copy(looker, own):
    means = np.stack([own.x[own.y == cls].mean(axis=0).reshape(-1) for cls in (0, 1)])
    spread = np.ones(1, np.float32)
    honest = subject("prototypes", "linear", {"means": means, "spread": spread})
    lying = np.array(means)
    lying[1] = own.x[20].reshape(-1)

    assert looker.look(honest).copies.passages == 0
    found = looker.look(subject("prototypes", "linear", {"means": lying, "spread": spread}))
    assert found.copies.passages >= 3


@pytest.mark.slow
def test_honest_means_over_five_pass_whatever_their_noise():
    draw = np.random.default_rng(8)
    y = np.arange(60) // 30
    y[25:30] = 2  # five of a third class
    own = Examples(images(draw, 60), y, images(draw, 60), y)
    looker = Looker(ASKED.model_copy(update={"labels": ("no", "one", "few")}), own, None, 0.999)

    for key in range(100):
        noise = np.random.default_rng(key).standard_normal((3, 144))
        made = prototypes(own.x, own.y, persons_of(own, 3), least=5, noise=noise)
        found = looker.look(subject("prototypes", "linear", dict(made)))

        assert (found.fewest, found.copies.rows) == (5, 0)
        assert found.astray is not None
        assert found.astray * 5 <= 1
        assert found.likeness is not None
        assert found.likeness.own <= found.likeness.threshold

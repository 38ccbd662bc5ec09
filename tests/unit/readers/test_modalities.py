"""Archives of images beside the rows of a table: what is absent, and what is at fault."""

from typing import Any

import numpy as np
import pytest

from modelward.core.columns import columns, inputs
from modelward.core.modalities import unpacked
from modelward.errors import DataError, StudyFileError
from modelward.readers.arrays import read_arrays
from modelward.simulation.notebook import simulate
from modelward.site.predict import predict_file
from modelward.study.read import parse
from modelward.study.scaling import from_sums, local_sums

STUDY = """
[study]
id = "spots"
purpose = "Who will be ill?"
min_patients = 5
[features.picture]
type = "image"
size = [4, 4]
[features.age]
type = "number"
unit = "a"
range = [18, 110]
max_missing = 0.4
[features.stage]
type = "category"
levels = ["one", "two", "three"]
[target.ill]
[recipe]
name = "fusion"
options = { channels = [2], groups = 1, hidden = [], width = 3 }
[plan]
rounds = 2
lr = 0.1
test = 0.3
"""


def archive(**changed: Any) -> dict[str, Any]:
    """Return four patients; whatever is None is left out."""
    whole = {
        "images": np.full((4, 4, 4), 100, np.uint8),
        "has_image": np.array([True, True, False, False]),
        "age": np.array([50.0, np.nan, 40.0, 500.0]),
        "stage": np.array([0.0, np.nan, 2.0, 1.0]),
        "labels": np.array([0, 1, 1, 0]),
        **changed,
    }
    return {name: values for name, values in whole.items() if values is not None}


def read(tmp_path: Any, **changed: Any) -> Any:
    np.savez(tmp_path / "a.npz", **archive(**changed))
    study = parse(STUDY)
    shape = inputs(study)
    return unpacked(read_arrays(tmp_path / "a.npz", study).x, shape.columns, shape.shape)


def test_both_are_read_and_what_is_absent_is_told_apart(tmp_path):
    found = read(tmp_path)

    assert [column.name for column in columns(parse(STUDY))] == [
        "age", "stage=two", "stage=three",
    ]  # fmt: skip
    nan = np.nan
    expected: Any = [
        [50, 0, 0],
        [nan, nan, nan],
        [40, 0, 1],
        [nan, 1, 0],
    ]  # an age of 500 is none
    assert np.array_equal(found.columns, expected, equal_nan=True)
    assert found.row.tolist() == [True, False, True, True]
    assert found.image.tolist() == [True, True, False, False]
    assert found.pixels[:, 0, 0].tolist() == [100, 100, 0, 0]


def test_a_site_may_have_no_images_at_all_or_no_table_at_all(tmp_path):
    assert not read(tmp_path, images=None, has_image=None).image.any()
    found = read(tmp_path, age=None, stage=None, has_image=None)
    assert not found.row.any()
    assert found.image.all()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"images": None, "age": None, "stage": None}, "and so is every feature of the table"),
        ({"age": None}, "age: is missing, and other features are there"),
        ({"age": np.zeros((4, 2))}, r"age: must be one number per unit, found float64\[4, 2\]"),
        ({"images": np.zeros((4, 5, 5), np.uint8)}, r"asks for uint8\[4, 4, 4\]"),
        ({"has_image": np.array([1, 2, 0, 0])}, "has_image: must be true or false per unit"),
    ],
)
def test_what_does_not_fit_is_a_fault(tmp_path, changed, says):
    with pytest.raises(DataError, match=says):
        read(tmp_path, **changed)


def test_columns_are_scaled_and_pixels_are_left(tmp_path):
    np.savez(tmp_path / "a.npz", **archive())
    x, listed = read_arrays(tmp_path / "a.npz", parse(STUDY)).x, columns(parse(STUDY))

    scaled = from_sums(local_sums(x, listed), listed).apply(x)

    assert scaled[0, 0] == pytest.approx(1.0)  # 50 of 50 and 40: one standard deviation up
    assert scaled[1, :3].tolist() == pytest.approx([0, 0, 0])
    assert (scaled[:, 3:] == x[:, 3:]).all()


def test_more_missing_than_the_study_allows_is_refused_and_no_row_is_not_counted(tmp_path):
    nan = np.nan
    assert read(tmp_path, age=np.array([50.0, nan, 40, nan])).columns.shape == (4, 3)
    with pytest.raises(DataError, match="age: 67% missing or out of range, the"):
        read(tmp_path, age=np.array([50.0, nan, nan, nan]))
    island = {"age": np.full(4, nan), "stage": np.full(4, nan)}
    assert read(tmp_path, **island).columns.shape == (4, 3)  # nobody has a row


def test_images_and_a_table_need_a_network_that_reads_both():
    with pytest.raises(StudyFileError, match="'cnn' reads images, not images with a table"):
        parse(STUDY.replace('"fusion"', '"cnn"').split("options")[0])
    with pytest.raises(StudyFileError, match="'fusion' reads images with a table, not images"):
        parse(STUDY.split("[features.age]", maxsplit=1)[0] + STUDY[STUDY.index("[target") :])


@pytest.mark.slow
def test_a_federation_with_a_hospital_without_images_runs_to_a_prediction(tmp_path):
    draw = np.random.default_rng(1)
    n = 120
    arrays = archive(
        images=draw.integers(0, 256, (n, 4, 4)).astype(np.uint8),
        has_image=np.arange(n) < n // 2,
        age=draw.uniform(20, 90, n).round(),
        stage=draw.integers(0, 3, n).astype(float),
        labels=draw.integers(0, 2, n),
    )
    np.savez(tmp_path / "a.npz", **arrays, hospital=np.repeat(["north", "island"], n // 2))

    result = simulate(
        parse(STUDY), tmp_path / "a.npz", by="hospital", out=tmp_path / "run", workers=1
    )
    rows, _ = predict_file(result.outcome.model, tmp_path / "a.npz", tmp_path / "out.csv")

    assert {scores.site for scores in result.findings.federated.by_site} == {"north", "island"}
    assert rows == n

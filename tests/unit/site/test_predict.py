"""A model file is used only with its own card and study, and scales as it was trained."""

import csv
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact import bundle, card
from modelward.core.artifact import Card
from modelward.core.canonical import canonical_bytes, canonical_hash
from modelward.errors import BadArtifact, DataError, NotAdmitted, StudyFileError
from modelward.joining.files import read_hub_key
from modelward.site.predict import open_model, predict_file, probabilities
from modelward.study.model import Model, initial
from modelward.study.scaling import Scaling
from tests.ledgers import PRIVATE
from tests.studies import IMAGES, TABLE, table_study, write_csv, write_images

SCALING = Scaling(
    center=np.array([60.0, 0.5, 0.25, 0.25]),
    spread=np.array([10.0, 0.5, 0.5, 0.5]),
    fill=np.array([60.0, 0.5, 0.25, 0.25]),
)
BETA = np.array([0.0, 1.0, 0.5, 0.0, 0.0])  # intercept, age, smoker, surgical, other


def write_model(folder: Path, model: Model) -> Path:
    """Write the three files of an exported model."""
    path = folder / "model.safetensors"
    raw = bundle.to_bytes(model.tensors, model.schema)
    path.write_bytes(raw)
    entry = Card(
        kind="model", study=model.study.sha256, round_no=1, task=model.study.sha256, site="hub",
        schema=canonical_hash(model.schema.describe()),
        sha256=sha256(raw).hexdigest(), nbytes=len(raw), patients=10,
    )  # fmt: skip
    path.with_suffix(".card.json").write_bytes(card.to_json(card.sign(entry, PRIVATE)))
    terms = canonical_bytes(model.study.model_dump(mode="json"))
    path.with_suffix(".study.json").write_bytes(terms)
    return path


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    return write_model(tmp_path, Model(table_study(), BETA, SCALING))


def test_a_probability_is_worked_out_by_hand(model_file):
    x = np.array([[70.0, 1, 0, 0], [60.0, 0, 0, 0], [np.nan, 1, 0, 0]])

    found = probabilities(open_model(model_file), x)

    z = np.array([1.0 + 0.5, -0.5, 0.5])  # a missing age is the mean: no pull
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-z)), rtol=1e-12)


@pytest.mark.parametrize(("patient", "heading"), [(None, "row"), ("id", "patient")])
def test_predictions_are_written_row_by_row(tmp_path, model_file, patient, heading):
    data = write_csv(
        tmp_path / "new.csv", ["z,70,1,medical", "y,,0,medical"], "id,age,smoker,ward"
    )
    out = tmp_path / "out.csv"

    assert predict_file(open_model(model_file), data, out, patient=patient) == (2, 1)

    written = list(csv.reader(out.read_text().splitlines()))
    assert written[0] == [heading, "probability"]
    assert [row[0] for row in written[1:]] == (["z", "y"] if patient else ["1", "2"])
    assert float(written[1][1]) == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-6)


def test_images_are_predicted_and_other_sizes_refused(tmp_path):
    study = table_study(IMAGES)
    model = open_model(write_model(tmp_path, initial(study, None)))
    data = write_images(tmp_path / "new.npz", 5)

    assert predict_file(model, data, tmp_path / "out.csv") == (5, 0)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 6

    np.savez(tmp_path / "large.npz", images=np.zeros((2, 13, 13), np.uint8))
    with pytest.raises(DataError, match="uint8\\[2, 13, 13\\]"):
        predict_file(model, tmp_path / "large.npz", tmp_path / "out.csv")


@pytest.mark.parametrize("suffix", [".safetensors", ".card.json", ".study.json"])
def test_a_model_without_one_of_its_files_is_refused(model_file, suffix):
    gone = model_file.with_suffix(suffix)
    gone.unlink()

    with pytest.raises(BadArtifact, match="cannot be read") as caught:
        open_model(model_file)
    assert str(gone) in caught.value.what


@pytest.mark.parametrize("place", [0, 8, 100, -1])
def test_a_model_with_a_changed_byte_is_refused(model_file, place):
    raw = bytearray(model_file.read_bytes())
    raw[place] ^= 1
    model_file.write_bytes(bytes(raw))

    with pytest.raises(BadArtifact, match="does not have the hash on its card"):
        open_model(model_file)


def test_a_model_under_another_study_is_refused(model_file):
    other = table_study(TABLE, ("rounds = 8", "rounds = 9"))
    terms = model_file.with_suffix(".study.json")
    terms.write_bytes(canonical_bytes(other.model_dump(mode="json")))
    with pytest.raises(BadArtifact, match="is not the study on the card"):
        open_model(model_file)

    terms.write_bytes(b"{}")
    with pytest.raises(StudyFileError):
        open_model(model_file)


def test_a_card_that_is_no_card_is_refused(model_file):
    model_file.with_suffix(".card.json").write_bytes(b"{}")

    with pytest.raises(BadArtifact, match="not a valid card"):
        open_model(model_file)


def test_new_data_that_do_not_fit_write_nothing(tmp_path, model_file):
    data = write_csv(tmp_path / "new.csv", ["70,1"], "age,smoker")

    with pytest.raises(DataError, match="ward: no such column"):
        predict_file(open_model(model_file), data, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_model_is_taken_from_the_hub_that_signed_it_and_from_no_other(model_file):
    own = PRIVATE.public_key().public_bytes_raw().hex()
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()

    open_model(model_file, hub_key=read_hub_key(own))

    with pytest.raises(BadArtifact, match="hub signed with another key"):
        open_model(model_file, hub_key=other)


def test_what_a_site_signed_is_no_model_of_a_hub_also_under_its_key(model_file):
    path = model_file.with_suffix(".card.json")
    entry = replace(card.from_json(path.read_bytes()), site="north")
    path.write_bytes(card.to_json(card.sign(entry, PRIVATE)))

    with pytest.raises(BadArtifact, match="the card is for model of north"):
        open_model(model_file, hub_key=PRIVATE.public_key())


def test_a_card_that_was_altered_after_signing_is_refused_under_the_key(model_file):
    path = model_file.with_suffix(".card.json")
    path.write_bytes(
        card.to_json(replace(card.from_json(path.read_bytes()), patients=1_000_000))
    )
    open_model(model_file)

    with pytest.raises(BadArtifact, match="does not match its content"):
        open_model(model_file, hub_key=PRIVATE.public_key())


@pytest.mark.parametrize("said", ["", "ab" * 31, "zz" * 32, "/nonexistent/membership.json"])
def test_what_is_no_key_is_refused_with_where_to_find_one(said):
    with pytest.raises(NotAdmitted) as caught:
        read_hub_key(said)

    assert "membership.json" in caught.value.remedy


def test_texts_that_mean_missing_are_told_as_for_training(model_file, tmp_path):
    write_csv(tmp_path / "new.csv", ["1,n,unknown,1,medical,0", "2,n,60,0,medical,0"])
    out, model = tmp_path / "out.csv", open_model(model_file)

    with pytest.raises(DataError, match="'unknown' is not a number"):
        predict_file(model, tmp_path / "new.csv", out)
    found = predict_file(model, tmp_path / "new.csv", out, missing=("", "unknown"))

    assert found == (2, 1), "two rows, one of them filled"

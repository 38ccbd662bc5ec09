"""dataset.toml: what a site writes about its own data."""

import pytest

from modelward.errors import DataError
from modelward.readers.dataset import MISSING, read
from modelward.readers.open import open_cohort
from tests.studies import IMAGES, make_site, table_study, write_images


def test_a_file_is_read_and_paths_are_relative_to_it(tmp_path):
    file = tmp_path / "dataset.toml"
    file.write_text(
        '[dataset]\nkind = "table"\npath = "d.csv"\npatient = "id"\n[columns]\nage = "AGE"\n'
    )

    dataset, path = read(file)

    assert path == tmp_path / "d.csv"
    assert (dataset.heading("age"), dataset.heading("ill")) == ("AGE", "ill")
    assert (dataset.dataset.patient, dataset.dataset.missing) == ("id", MISSING)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[dataset]\nkind = "table"', "dataset.path: is missing"),
        ('[dataset]\nkind = "excel"\npath = "d"', "dataset.kind: input should be 'table'"),
        (
            '[dataset]\nkind = "table"\npath = "d"\npatent = "id"',
            "dataset.patent: there is no such key; did you mean 'patient'?",
        ),
        ("[dataset", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
        ("", "dataset: is missing"),
    ],
)
def test_faults_are_told_with_their_key(tmp_path, text, said):
    file = tmp_path / "dataset.toml"
    file.write_text(text)

    with pytest.raises(DataError) as caught:
        read(file)

    assert said in caught.value.what
    assert str(file) in caught.value.what


def test_a_file_that_is_not_there_or_not_utf_8_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe4'")
    with pytest.raises(DataError, match="not TOML"):
        read(tmp_path / "latin.toml")


def test_one_door_opens_tables_and_arrays(tmp_path):
    table = make_site(tmp_path / "table", 40, seed=1)
    assert open_cohort(table / "dataset.toml", table_study()).x.shape == (40, 4)

    images = tmp_path / "images"
    images.mkdir()
    write_images(images / "data.npz", 30)
    (images / "dataset.toml").write_text('[dataset]\nkind = "arrays"\npath = "data.npz"\n')
    assert open_cohort(images / "dataset.toml", table_study(IMAGES)).x.shape == (30, 12, 12)

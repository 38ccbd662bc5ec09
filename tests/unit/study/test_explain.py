"""Who approves a study reads what it asks, what leaves and what does not protect."""

import pytest

from modelward.errors import StorageError, StudyFileError
from modelward.study.answers import answer_to
from modelward.study.explain import explain, most_bytes
from modelward.study.read import read
from modelward.study.template import write_template
from tests.studies import AVERAGED, IMAGES, TABLE, table_study

MASKED = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'


def test_a_table_study_is_explained():
    study = table_study()
    told = explain(study)

    assert study.sha256 in told
    assert "a site with fewer than 10 in training sits out" in told
    assert "age: number in a, from 0 to 110" in told
    assert "ward: one of medical, surgical, other" in told
    assert "5 parameters, exact Newton steps on sums over all sites" in told
    assert f"Leaves a site each round: {8 * (5 + 25 + 1)} bytes of sums over patients" in told
    assert "No differential privacy is applied" in told
    assert "can leak information" in told


def test_averaged_training_tells_bound_and_watched_metric():
    told = explain(table_study(AVERAGED))

    assert "scaled down to an L2 norm of 10" in told
    assert "After each round: validation scores in bins, for loss." in told


def test_an_image_study_is_explained():
    adam = explain(table_study(IMAGES + '\n[plan.server]\nname = "adam"\n'))

    assert "grey image, 12 x 12 pixels" in adam
    assert "Before the first round: the number of units." in adam
    assert "averaged local training and adam at the hub, adjusted for label skew" in adam


def test_a_cohort_of_complete_records_is_said():
    assert "every feature known" in explain(
        table_study(TABLE + "\n[cohort]\ncomplete = true\n")
    )


@pytest.mark.parametrize("images", [False, True])
def test_a_template_is_written_once_and_never_over_something(tmp_path, images):
    path = tmp_path / "study.toml"
    write_template(path, images=images)

    assert (read(path).image is not None) == images
    before = path.read_bytes()
    with pytest.raises(StudyFileError, match="exists"):
        write_template(path, images=not images)
    assert path.read_bytes() == before


def test_a_template_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write_template(tmp_path / "absent" / "study.toml", images=False)


def test_a_masked_study_says_what_the_hub_sees_and_which_bytes_leave():
    masked = table_study(AVERAGED + MASKED)
    told = explain(masked)

    assert "not the answer of one site or how many patients it has" in told
    assert "two that pool what they know see the third" in told
    assert "Summed behind masks" not in explain(table_study(AVERAGED))
    # 7 sums, 5 parameters and 512 counts, each with the number of patients, for three sites:
    # words, keys and signature (224), and 148 bytes of shares for each site.
    sums = answer_to(masked, "statistics")[1].size + 1
    fixed = 224 + 3 * 148
    once, each = 16 * sums + fixed, 8 * 6 + fixed + 16 * 513 + fixed
    assert most_bytes(masked, 3) == (once + 3 * each, 5 * 7)


@pytest.mark.parametrize(
    ("more", "octets", "says"),
    [
        (
            "",
            2 * (5 + 2 * 4),
            "127 steps each way up to 0.1, the same for all sites, in 2 bytes",
        ),
        (
            "levels = 42",
            5 + 2 * 20,
            "42 steps each way up to 0.1, the same for all sites, in 1 b",
        ),
    ],
)
def test_a_code_behind_masks_says_its_grid_and_which_bytes_leave(more, octets, says):
    grid = f'[plan.uplink]\ncodec = "int8"\nrange = 0.1\nmax_patients = 500\n{more}\n'
    plain, coded = table_study(AVERAGED + MASKED), table_study(AVERAGED + MASKED + grid)
    told = explain(coded)

    assert says in told
    assert "A site with more than 500 patients in training refuses." in told
    saved = most_bytes(plain, 3)[0] - most_bytes(coded, 3)[0]
    assert saved == 3 * (8 * 6 - octets)


def test_the_figures_of_the_end_count_among_the_bytes_that_leave_behind_masks():
    asked, reported = (
        table_study(AVERAGED + MASKED),
        table_study(AVERAGED + MASKED + "[report]\n"),
    )
    words = 16 * (answer_to(reported, "report")[1].size + 1)

    before, after = most_bytes(asked, 3), most_bytes(reported, 3)
    assert after == (before[0] + words + 224 + 3 * 148, before[1] + 5)

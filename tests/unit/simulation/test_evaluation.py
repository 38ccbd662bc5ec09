"""A planted bias is found, small cells are in no file, and left-out sites are not asked."""

import json
from pathlib import Path

import numpy as np
import pytest

from modelward.errors import StudyFileError
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.evaluate.judged import Evaluation
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.left_out import without
from modelward.simulation.simulate import Result, Simulation, resume, simulate
from modelward.study.read import parse
from tests.studies import AVERAGED, HEADING, write_csv

pytestmark = pytest.mark.slow

TERMS = """
[sharing]
rule = "contribution"
[evaluation]
groups = ["smoker", "ward"]
margin = 0.05
threshold = "youden"
"""
STUDY = AVERAGED.replace("test = 0.25", "test = 0.5").replace('"loss"', '"auc"') + TERMS

SITES = ("north", "south", "west")


def biased(number: int) -> list[str]:
    """Return patients of whom smokers fall ill by lot, and the others by their age.

    In the west the medical ward has four patients.
    """
    rng = np.random.default_rng(3)
    lines = []
    for n in range(number):
        site, smoker = SITES[n % 3], int(rng.integers(0, 2))
        ward = str(rng.choice(["medical", "surgical", "other"]))
        if site == "west" and ward == "medical" and n > 40:
            ward = "surgical"
        age = float(rng.uniform(20, 95))
        z = 0.0 if smoker else (age - 58) / 6
        ill = int(rng.random() < 1 / (1 + np.exp(-z)))
        lines.append(f"{site},p{n:05d},{age:.1f},{smoker},{ward},{ill}")
    return lines


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder: Path = tmp_path_factory.mktemp("biased")
    request = Simulation(
        study=parse(STUDY),
        data=write_csv(folder / "data.csv", biased(900), HEADING),
        dealing=Dealing(by="hospital"),
        special=Special(patient="patient"),
        out=folder / "run",
        workers=1,
        leave_out=True,
    )
    return simulate(request)


def part(run: Result) -> Evaluation:
    assert run.findings.evaluation is not None
    return run.findings.evaluation


def test_the_planted_bias_is_found_in_the_group_that_has_it(run):
    kept = {(gap.group, gap.level, gap.metric) for gap in part(run).gaps if gap.kept}

    assert ("smoker", "yes", "auc") in kept
    assert not {group for group, _, _ in kept} - {"smoker"}


def test_the_planted_bias_is_shown_to_a_reader(run):
    text = " ".join(run.report.with_suffix(".txt").read_text().split())

    assert "smoker: yes: AUC differs from no by" in text
    assert "ranks patients worst where smoker is yes" in text


def test_a_small_cell_is_in_no_file_of_the_report(run):
    hidden = [one for one in part(run).groups if one.units is None]
    assert ("west", "medical") in {(one.site, one.level) for one in hidden}
    plain = json.loads(run.report.with_suffix(".json").read_text())["evaluation"]["groups"]

    for one in plain:
        if (one["site"], one["level"]) in {(h.site, h.level) for h in hidden}:
            figures = [one[name] for name in ("auc", "sensitivity", "false_alarms", "beyond")]
            assert [each["value"] for each in figures] == [None] * 4
            assert (one["units"], one["positives"]) == (None, None)
    shown = [one for one in plain if one["units"] is not None]
    assert min(min(o["positives"], o["units"] - o["positives"]) for o in shown) >= 10


def test_the_hidden_cell_has_company_in_its_row_and_its_column(run):
    wards = [one for one in part(run).groups if one.group == "ward"]
    hidden = {(one.site, one.level) for one in wards if one.units is None}

    assert len({level for site, level in hidden if site == "west"}) > 1
    assert len({site for site, level in hidden if level == "medical"}) > 1


def test_levels_add_up_to_everybody_where_all_are_shown(run):
    whole = [one for one in part(run).groups if one.site == EVERYWHERE]
    smokers = [one for one in whole if one.group == "smoker"]

    assert sum(one.units or 0 for one in smokers) == run.findings.federated.overall.units


def test_every_site_is_judged_by_a_model_that_never_saw_it(run):
    assert [one.site for one in part(run).away] == list(SITES)
    for one in part(run).away:
        assert one.difference.value == pytest.approx(
            (one.together.value or 0) - (one.without.value or 0)
        )
        ledger = run.folder / "sites" / one.site / "ledger" / "entries.jsonl"
        assert f"without-{one.site}" not in ledger.read_text()


def test_a_site_that_is_left_out_is_asked_for_nothing(run):
    place = run.folder / "left-out" / "west" / "sites"
    studies = {
        site: {json.loads(line).get("study") for line in ledger.read_text().splitlines()}
        - {None}
        for site in ("north", "south")
        for ledger in [place / site / "ledger" / "entries.jsonl"]
    }
    other = without(run.study, "west", SITES)

    assert other.sites.names == ("north", "south")
    assert not (place / "west").exists()
    assert studies == {"north": {other.sha256}, "south": {other.sha256}}


def test_paths_cost_and_shares_are_there_for_every_site(run):
    found = part(run)
    assert found.cost is not None

    assert [path.site for path in found.paths] == list(SITES)
    assert all(len(path.values) == 3 for path in found.paths)
    assert [one.site for one in found.cost.sites] == list(SITES)
    assert all(one.sent > 0 and one.received > 0 for one in found.cost.sites)
    assert sum(one.share for one in found.shares) == pytest.approx(1.0, abs=1e-5)


def test_the_threshold_is_that_of_the_kept_round(run):
    kept = run.outcome.history[run.outcome.kept_round - 1]

    assert part(run).threshold == kept.metrics["threshold"] != 0.5


@pytest.mark.slow
def test_the_same_run_goes_on_to_the_same_findings(run):
    assert resume(run.folder, workers=1).findings == run.findings


@pytest.mark.parametrize(
    ("swap", "says"),
    [
        (("minimum = 2", "minimum = 3"), "2 sites are left, and the study needs 3"),
        (
            ("[evaluation]", "[privacy.dp]\nepsilon = 3.0\n[evaluation]"),
            "every patient's budget",
        ),
    ],
)
def test_a_study_that_cannot_miss_a_site_says_why(swap, says):
    study = parse(f"{STUDY}\n[sites]\nminimum = 2\n".replace(*swap))

    with pytest.raises(StudyFileError) as caught:
        without(study, "west", SITES)
    assert says in caught.value.why

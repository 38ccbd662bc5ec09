"""What validation counts say, worked out by hand."""

import numpy as np
import pytest

from modelward.core.artifact import Artifact, Card
from modelward.core.study import Study
from modelward.core.verdict import Release
from modelward.hub.collectors import Sums
from modelward.hub.validated import validated
from modelward.study.read import parse
from tests.studies import AVERAGED

PLAIN = parse(AVERAGED.replace('metric = "loss"', 'metric = "auc"'))
RULED = parse(
    AVERAGED.replace('metric = "loss"', 'metric = "auc"')
    + '\n[evaluation]\nthreshold = "youden"\n'
)


def sums_of(study: Study, **counts: tuple[list[int], list[int]]) -> Sums:
    """Return what the hub added: for each site, bins of its negatives and of its positives."""
    found = Sums(study, "evaluate")
    for site, (negatives, positives) in counts.items():
        table = np.zeros((2, 256))
        for row, bins in enumerate((negatives, positives)):
            np.add.at(table[row], bins, 1)
        card = Card(
            kind="metrics", study="", round_no=1, task="t", site=site, schema="", sha256="",
            nbytes=0, patients=int(table.sum()),
        )  # fmt: skip
        found.add(Release(site, "t", Artifact(card, {"counts": table})))
    return found


def test_each_site_has_its_own_figure_beside_the_common_one():
    sums = sums_of(PLAIN, north=([10, 20], [200, 210]), south=([100], [50]), west=([5], []))
    found = validated(PLAIN, sums)

    assert found.by_site == {"north": 1.0, "south": 0.0}  # west has one outcome only
    assert found.metrics["auc"] == pytest.approx(11 / 12)  # 50 is below 100
    assert "threshold" not in found.metrics


def test_a_signed_rule_chooses_a_threshold_from_the_sum():
    sums = sums_of(RULED, north=([10, 20], [200]), south=([100], [210]))

    assert 100 / 256 < validated(RULED, sums).metrics["threshold"] <= 200 / 256


def test_when_every_gate_refused_nothing_has_a_value():
    found = validated(RULED, Sums(RULED, "evaluate"))

    assert found.by_site == {}
    assert all(np.isnan(value) for value in found.metrics.values())
    assert set(found.metrics) == {"auc", "accuracy", "loss", "gain", "threshold"}

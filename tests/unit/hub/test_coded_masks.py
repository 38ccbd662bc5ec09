"""Coded updates behind masks: the hub's step is what anybody with the answers computes."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.errors import QuorumNotMet
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome
from modelward.hub.run_facts import Ended, run_facts
from modelward.ledger.kinds import words
from modelward.privacy.masks.coded import Code, words_of
from modelward.recipes.layers.draws import draws
from modelward.report.processing import claims
from modelward.study.answers import answer_to
from tests.hospital import SEEDS, Planned, Wards
from tests.studies import AVERAGED, table_study

ONE = AVERAGED.replace("rounds = 3", "rounds = 1")
MASKS = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'


def coded(text: str, more: str = "", heaviest: int = 200) -> Study:
    """Return a masked study whose updates leave on a grid of 0.02."""
    grid = f"range = 0.02\nmax_patients = {heaviest}\n{more}\n"
    return table_study(f'{text}{MASKS}[plan.uplink]\ncodec = "int8"\n{grid}')


def run(
    folder: Path,
    study: Study,
    order: Sequence[str] = tuple(SEEDS),
    faults: Planned | None = None,
) -> Outcome:
    """Run `study` over three hospitals, who answer in this order."""

    def ordered(asked: Sequence[str]) -> Iterable[str]:
        return [name for name in order if name in asked]

    registry = Registry(folder / "hub")
    wards = Wards(
        folder / "sites",
        [study],
        registry.store.folder,
        order=ordered,
        faults=faults,
        kind="train/masked",
    )
    try:
        return Hub(wards, registry, wards.keys).run(study)
    finally:
        wards.close()
        registry.close()


def by_hand(folder: Path, study: Study, wards: Wards) -> tuple[list[Fraction], int]:
    """Return the mean of round 1 from what the gates judged, in fractions, and what was cut."""
    code, (_, schema) = Code.of(study, "train"), answer_to(study, "train")
    assert code is not None
    total, weight, cut = [0] * schema.size, 0, 0
    for name, site in wards.hospitals.items():
        judged = [
            e for e in site.ledger if e.get("artifact") == "mask-keys" and e["round"] == 1
        ]
        entry = judged[0]  # training; the counts of the same round come after it
        tensors = Store(folder / "sites" / name / "masks").tensors(
            str(entry["plaintext"]), schema
        )
        patients = int(str(entry["patients"]))
        flat = schema.join(tensors)
        draw = draws("uplink", study.plan.seed, 1, name)
        made = words_of(flat, patients, code, (3, 3), draw)[: schema.size]
        steps = made.view(f"<i{made.itemsize}").tolist()
        total = [a + b for a, b in zip(total, steps, strict=True)]
        weight += patients
        cut += int((np.abs(flat) > code.step * code.levels * 2.0**-24).sum())
    return [Fraction(each * code.unit, weight << 24) for each in total], cut


@pytest.mark.slow
@pytest.mark.parametrize(("more", "bits"), [("", 16), ("levels = 42", 8)])
def test_the_step_is_the_plain_sum_of_what_each_site_coded(tmp_path, more, bits):
    study = coded(ONE, more)
    found = run(tmp_path, study)
    registry = Registry(tmp_path / "hub")
    wards = Wards(tmp_path / "sites", [study], registry.store.folder)
    with closing(registry), closing(wards):
        mean, cut = by_hand(tmp_path, study, wards)
        before = registry.model(study, registry.model_of(study, 0)).parameters

    code = Code.of(study, "train")
    assert code is not None
    assert code.bits(3) == bits
    assert [np.float32(float(each)) for each in mean] == (
        (found.model.parameters - before).tolist()
    )
    assert found.history[0].clipped == cut > 0


@pytest.mark.slow
def test_what_was_cut_is_in_each_sites_ledger_beside_the_words_that_tell_it(tmp_path):
    study = coded(AVERAGED)
    found = run(tmp_path, study)
    wards = Wards(tmp_path / "sites", [study], tmp_path / "hub" / "artifacts")
    with closing(wards):
        told = [
            (name, e) for name, h in wards.hospitals.items() for e in h.ledger if "cut" in e
        ]

    by_round = {r.round_no: r.clipped for r in found.history}
    assert sum(by_round.values()) > 0
    for number, clipped in by_round.items():
        assert sum(int(str(e["cut"])) for _, e in told if e["round"] == number) == clipped
    assert {e["artifact"] for _, e in told} == {"masked"}
    for site, entry in told:
        left = tmp_path / "sites" / site / "outbox" / f"{entry['sha256']}.safetensors"
        assert left.stat().st_size == entry["bytes"]
        assert words(entry).endswith(f"telling that {entry['cut']} values were cut")
    (claim,) = [each for each in claims.left([e for _, e in told]) if "masked" in each.text]
    assert f"how many values were cut: {sum(by_round.values()):,} in all." in claim.text


@pytest.mark.slow
def test_who_answers_first_and_who_drops_out_late_change_no_bit(tmp_path):
    study = coded(AVERAGED)
    first = run(tmp_path / "one", study)
    other = run(tmp_path / "other", study, ("west", "south", "north"))

    assert first.sha256 == other.sha256
    assert [r.metrics for r in first.history] == [r.metrics for r in other.history]


def test_a_site_with_more_units_than_the_study_has_room_for_refuses(tmp_path):
    study = coded(AVERAGED, heaviest=60)

    with pytest.raises(QuorumNotMet, match="refused: north, south"):
        run(tmp_path, study)
    wards = Wards(tmp_path / "sites", [study], tmp_path / "hub" / "artifacts")
    with closing(wards):
        entries = [e for e in wards.hospitals["north"].ledger if e["kind"] == "refusal"]
    assert [entry["artifact"] for entry in entries] == ["mask-keys"]
    assert "weight 83 in a coded sum over 3 sites" in str(entries[0]["findings"])


@pytest.mark.slow
def test_the_report_says_how_many_values_were_cut(tmp_path):
    study = coded(AVERAGED)
    found = run(tmp_path, study)
    ended = Ended(found.reason, found.kept_round, found.seconds, found.sha256)
    cut = sum(each.clipped for each in found.history)

    said = run_facts(study, ended, {"federated": found.history}, 3).ended
    size = answer_to(study, "train")[1].size
    assert f"of {9 * size} values of coded updates {cut} were cut" in said

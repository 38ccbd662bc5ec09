"""A hub's page has rates and contributions as that of a simulation has, or says why not."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelward.core.study import Study
from modelward.errors import BadArtifact
from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.acting import Chosen
from modelward.evaluate.groups.acting import chosen as rates_at
from modelward.gate.policy import LANES, Policy
from modelward.hub import shares, shares_signed
from modelward.hub.acting import APART, BETWEEN, TOO_FEW
from modelward.hub.found import findings
from modelward.hub.found_together import MASKED
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.report.blocks import Figure, Story, Table
from modelward.report.page import write
from modelward.report.story import tell
from modelward.simulation.dealing import Dealing
from modelward.simulation.simulate import Simulation, simulate
from modelward.site.answering.alone import predicted
from tests.hospital import SEEDS, Wards
from tests.private_studies import WATCHED
from tests.studies import AVERAGED, cohort_of, key_of, make_site, table_study

pytestmark = pytest.mark.slow

ASKS = """
[report]
[evaluation]
threshold = "sensitivity"
at_least = 0.8
"""
STUDY = table_study(f'{AVERAGED}{ASKS}[sharing]\nrule = "contribution"\n')
MASKS = '[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'


@dataclass
class Both:
    """A study as hospitals run it, and as one machine simulates it."""

    hub: Path
    sites: Path
    deployed: Findings
    simulated: Findings
    statement: bytes


def deploy(folder: Path, study: Study, policy: Policy | None = None) -> None:
    """Run `study` over three hospitals to its end."""
    with closing(Registry(folder / "hub")) as registry:
        wards = Wards(folder / "sites", [study], registry.store.folder, policy=policy)
        with closing(wards):
            Hub(wards, registry, wards.keys).run(study)


def told(folder: Path, study: Study, statement: bytes | None = None) -> Findings:
    """Return what the hub reports, with a statement of shares if there is one."""
    key = key_of(9).public_key().public_bytes_raw().hex()
    with closing(Registry(folder / "hub")) as registry:
        said = None
        if statement is not None:
            said = shares_signed.of_study(statement, registry, study, key)
        return findings(registry, study, (), said)


def stated(hub: Path, sites: Path, study: Study) -> bytes:
    """Return the statement that the hub signs, from what hospitals hand over."""
    stores = {site: sites / site / "outbox" for site in SEEDS}
    with closing(Registry(hub)) as registry:
        return shares_signed.signed(shares.statement(registry, study, stores), key_of(9))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("acting")
    deploy(folder, STUDY)
    for name, seed in SEEDS.items():
        make_site(folder / "data" / name, {"north": 150, "south": 130, "west": 90}[name], seed)
    made = simulate(
        Simulation(
            study=STUDY, data=folder / "data", dealing=Dealing(), out=folder / "run", workers=1
        )
    )
    statement = stated(folder / "hub", folder / "sites", STUDY)
    deployed = told(folder, STUDY, statement)
    assert deployed.record.run.model_sha256 == made.outcome.sha256
    return Both(folder / "hub", folder / "sites", deployed, made.findings, statement)


def chosen_by(found: Findings) -> Chosen:
    """Return the chosen threshold of a report."""
    assert found.evaluation is not None
    assert found.evaluation.chosen is not None
    return found.evaluation.chosen


def tables(story: Story) -> Iterator[Table]:
    for section in story.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield block.table
            elif isinstance(block, Table):
                yield block


def table(found: Findings, caption: str) -> Table:
    (one,) = [each for each in tables(tell(found)) if each.caption.startswith(caption)]
    return one


def words(found: Findings, folder: Path) -> str:
    return " ".join(write(found, folder).text.read_text("utf-8").split())


def test_rates_at_the_chosen_threshold_are_those_of_the_simulation(both):
    name = "The federated model at"
    here, there = table(both.deployed, name), table(both.simulated, name)

    assert here == there
    assert [row[0].main for row in here.rows] == ["All", *SEEDS]
    assert all(re.match(r"0\.\d{3}", cell.main) for row in here.rows for cell in row[1:])


def test_contributions_are_those_that_the_signed_statement_has(both, tmp_path):
    """A simulation measures on validation units; by directions it says what the hub says."""
    run = both.hub.parent / "run"
    again = stated(run / "hub", run / "sites", STUDY)

    name = "What each hospital's updates added"
    assert table(both.deployed, name) == table(told(both.hub.parent, STUDY, again), name)
    said = words(both.deployed, tmp_path)
    assert "Contribution, by the rule that the study signed" in said
    assert "worth: direction of updates" in said
    assert "worth: fall of the log loss" in words(both.simulated, tmp_path / "simulated")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Contribution of each hospital" in page


def test_without_a_statement_the_page_says_why_and_what_to_do(both, tmp_path):
    said = words(told(both.hub.parent, STUDY), tmp_path)

    assert "Contribution of each hospital: not told, because it is measured from" in said
    assert "modelward study report HUB --shares FILE" in said


def test_a_statement_of_something_else_is_not_shown(both):
    with closing(Registry(both.hub)) as registry:
        other = both.statement.replace(b'"rounds":3', b'"rounds":4')
        with pytest.raises(BadArtifact, match="signature does not hold"):
            shares_signed.of_study(other, registry, STUDY, "ab" * 32)
        with pytest.raises(BadArtifact, match="another key than this hub's"):
            shares_signed.of_study(both.statement, registry, STUDY, "ab" * 32)
        key = key_of(9).public_key().public_bytes_raw().hex()
        with pytest.raises(BadArtifact, match="not of small version 1"):
            shares_signed.of_study(both.statement, registry, table_study(AVERAGED), key)
        said, _ = shares_signed.opened(both.statement)
        lie = shares_signed.signed({**said, "inputs": "ab" * 32}, key_of(9))
        with pytest.raises(BadArtifact, match="other answers than this hub"):
            shares_signed.of_study(lie, registry, STUDY, key)


def test_a_side_of_a_few_is_told_by_no_gate_and_the_page_says_so(tmp_path):
    for name, number in {"north": 2000, "south": 400, "west": 200}.items():
        make_site(tmp_path / "sites" / name, number, SEEDS[name])
    deploy(tmp_path, STUDY, Policy(min_cell=10, lanes=LANES))

    found = told(tmp_path, STUDY)

    here = chosen_by(found)
    there = by_rows(tmp_path, here)
    pairs = [
        (getattr(one, name), getattr(other, name))
        for one, other in zip(here.acting[1:], there.acting[1:], strict=True)
        for name in ("sensitivity", "specificity")
    ]
    assert {one.value == other.value for one, other in pairs} == {True, False}
    assert {one.note for one, other in pairs if one.value != other.value} == {TOO_FEW}
    assert all(one.value is None for one, other in pairs if one.value != other.value)
    assert TOO_FEW in words(found, tmp_path / "out")
    assert "those whose gate told it" in words(found, tmp_path / "out")


def by_rows(folder: Path, chosen: Chosen) -> Chosen:
    """Return the rates at a threshold that the hospitals' rows give."""
    with closing(Registry(folder / "hub")) as registry:
        best = registry.best(STUDY)
        model = registry.model(STUDY, registry.model_of(STUDY, best))
    wards = Wards(folder / "sites", [STUDY], folder / "hub" / "artifacts")
    with closing(wards):
        judged = [
            (name, predicted(model, cohort_of(site, STUDY)))
            for name, site in wards.hospitals.items()
        ]
    found = rates_at(chosen.threshold, chosen.rule, judged)
    assert found is not None
    return found


def test_behind_masks_everybody_together_has_the_rates_of_the_open_study(tmp_path):
    study = table_study(f"{AVERAGED}{ASKS}{MASKS}")
    plain = table_study(f"{AVERAGED}{ASKS}")
    deploy(tmp_path / "masked", study)
    deploy(tmp_path / "open", plain)

    masked, bare = told(tmp_path / "masked", study), told(tmp_path / "open", plain)

    everybody, *sites = chosen_by(masked).acting
    assert everybody == chosen_by(bare).acting[0]
    assert everybody.sensitivity.value is not None
    assert {each.sensitivity.note for each in sites} == {MASKED}
    said = words(masked, tmp_path / "out")
    assert f"north, south, west: {MASKED}." in said
    assert "The federated model at" in said


@pytest.mark.parametrize("bins", [16, 10])
def test_under_noise_rates_come_from_the_noised_counts_where_a_bin_ends_there(tmp_path, bins):
    study = table_study(WATCHED + ASKS.replace("[report]", f"[report]\nbins = {bins}"))
    for name, seed in SEEDS.items():
        make_site(tmp_path / "sites" / name, 500, seed)
        (tmp_path / "sites" / name / "dp.key").write_bytes(bytes([seed]) * 32)
    deploy(tmp_path, study)

    chosen = chosen_by(told(tmp_path, study))

    ends = round(chosen.threshold * 16) * bins % 16 == 0
    values = [one.sensitivity.value is not None for one in chosen.acting]
    assert values == [ends] * 4
    assert ends == (bins == 16) or chosen.threshold in {0.0, 0.5, 1.0}
    notes = {one.sensitivity.note for one in chosen.acting}
    assert ends or notes == {BETWEEN}


def test_where_units_are_not_patients_no_side_is_told_and_the_page_says_why(tmp_path):
    text = f"{AVERAGED}{ASKS}".replace(
        "min_patients = 10", 'min_patients = 10\nunit = "encounter"'
    )
    study = table_study(text)
    deploy(tmp_path, study)

    found = told(tmp_path, study)

    assert {one.sensitivity.note for one in chosen_by(found).acting} == {APART}
    assert f"not told. All, north, south, west: {APART}." in words(found, tmp_path / "out")

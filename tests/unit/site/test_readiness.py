"""A site that is NOT READY takes part in nothing; what is told of it passes gate and ledger."""

import json
from pathlib import Path

import numpy as np
import pytest

from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.errors import DataError, NotApproved, StorageError
from modelward.gate.policy import Policy
from modelward.ledger.verify import verify
from modelward.privacy.plan import look
from modelward.readers.checking.readiness import Finding, Readiness
from modelward.site.approving.readiness import (
    by_name,
    check_now,
    objection,
    recorded,
    require_ready,
    to_tell,
)
from modelward.site.entering.intake import Seen, task_objections
from modelward.site.hospital import Hospital
from modelward.site.isolation.snapshot import read_facts
from modelward.site.rooms.extractor import extract, want
from modelward.site.telling import tell
from modelward.study.readiness import Statement, reach
from tests import sequences
from tests.sites import clock, make_site, newton

STUDY = newton()
TODAY = clock().date()


def spoilt(folder: Path) -> Path:
    """Return a site without one of the columns."""
    site = make_site(folder, 1)
    text = (site / "data.csv").read_text()
    (site / "data.csv").write_text(text.replace("creatinine", "krea"))
    return site


def rare(folder: Path) -> Path:
    """Return a site with a warning: hardly anybody has the outcome."""
    site = make_site(folder, 1)
    lines = (site / "data.csv").read_text().splitlines()
    rows = [line[:-1] + ("1" if n < 4 else "0") for n, line in enumerate(lines[1:])]
    (site / "data.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    return site


def ready(site: Path) -> dict[str, bool]:
    made = recorded(site, STUDY.sha256)
    assert made is not None
    return made.ready


def entries(site: Path) -> list[dict[str, object]]:
    lines = (site / "ledger" / "entries.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def hospital(site: Path, policy: Policy | None = None) -> Hospital:
    return Hospital(site, "cleveland", policy=policy or Policy(min_cell=1), clock=clock)


def told(site: Path, study: Study = STUDY, policy: Policy | None = None) -> Statement:
    made = recorded(site, study.sha256)
    assert made is not None
    here = hospital(site, policy)
    try:
        answer = tell(here, study, made.ready, made.number)
    finally:
        here.close()
    assert isinstance(answer, Release)
    return Statement.read(study, answer.artifact.tensors)


def test_a_check_is_recorded_by_name_and_holds_no_figures(tmp_path):
    site = spoilt(tmp_path / "a")
    found = check_now(site, STUDY, clock())

    assert not found.ready
    assert ready(site) == {"cohort": True, "age": True, "creatinine": False, "diabetes": True,
                           "readmitted": True}  # fmt: skip
    written = json.loads((site / "readiness" / f"{STUDY.sha256}.json").read_text())
    assert set(written) == {"accepted", "format", "number", "ready", "study", "tell", "time"}


def test_findings_without_a_name_of_their_own_are_about_the_cohort():
    def one(key: str, study: Study = STUDY) -> list[str]:
        found = Readiness(study.id, 5, (Finding("error", key, "is wrong"),))
        return [name for name, fits in by_name(found, study).items() if not fits]

    assert one("patient") == one("split") == one("data") == ["cohort"]
    assert one("age") == ["age"]
    assert one("creatinine", sequences.study()) == ["course.creatinine"]
    assert one("course.visit", sequences.study()) == ["course.visit"]


def test_nobody_can_approve_before_the_site_was_found_ready(tmp_path):
    site = spoilt(tmp_path / "a")
    with pytest.raises(NotApproved, match="has not been checked"):
        require_ready(site, STUDY)

    check_now(site, STUDY, clock())
    with pytest.raises(NotApproved, match="is not ready: creatinine"):
        require_ready(site, STUDY)

    make_site(site, 1)
    check_now(site, STUDY, clock())
    require_ready(site, STUDY)


def test_a_warning_blocks_until_it_is_accepted_and_stays_accepted(tmp_path):
    site = rare(tmp_path / "a")
    check_now(site, STUDY, clock())
    with pytest.raises(NotApproved, match="is not ready: readmitted"):
        require_ready(site, STUDY)

    check_now(site, STUDY, clock(), ["readmitted"])
    require_ready(site, STUDY)
    check_now(site, STUDY, clock())
    require_ready(site, STUDY)


def test_a_task_is_refused_after_a_check_that_found_the_site_not_ready(tmp_path):
    site = make_site(tmp_path / "a", 1)
    assert objection(site, STUDY) == ()
    check_now(site, STUDY, clock())
    assert objection(site, STUDY) == ()

    spoilt(site)
    check_now(site, STUDY, clock())
    (found,) = objection(site, STUDY)
    assert found.rule == "readiness"
    assert "creatinine" in found.says


def test_the_extractor_writes_no_cohort_of_data_that_are_not_ready(tmp_path):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())
    rare(site)  # the data have changed since they were checked
    want(site, STUDY)

    with pytest.raises(DataError, match="only 4 of 90 units have the rarer outcome"):
        extract(site, TODAY)
    assert read_facts(site, STUDY.sha256) is None

    check_now(site, STUDY, clock(), ["readmitted"])
    assert extract(site, TODAY) == [STUDY.sha256]


def test_a_record_that_was_damaged_is_told(tmp_path):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())
    (site / "readiness" / f"{STUDY.sha256}.json").write_text("{}")

    with pytest.raises(StorageError, match="damaged"):
        require_ready(site, STUDY)


def test_only_a_check_that_says_so_is_told(tmp_path):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())
    assert to_tell(site) == []

    check_now(site, STUDY, clock(), tell=True)
    assert [made.number for made in to_tell(site)] == [2]


def test_a_ready_site_tells_a_band_and_noised_counts_that_its_patients_paid_for(tmp_path):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())

    said = told(site)

    assert said.whole
    assert said.units == 50  # of 90
    assert not np.allclose(said.values, np.rint(said.values))
    kinds = [entry["kind"] for entry in entries(site)]
    assert kinds == ["reservation", "privacy", "release"]
    assert entries(site)[-1]["patients"] == 50
    assert verify(site / "ledger").entries == 3


def test_the_same_check_is_told_in_the_same_bytes_and_booked_once(tmp_path):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())

    first, again = told(site), told(site)

    assert first.values.tobytes() == again.values.tobytes()
    assert len(entries(site)) == 3


def test_nobody_is_looked_at_who_came_after_a_statement_was_reserved(tmp_path):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())
    here = hospital(site)
    task = Task(study=STUDY.sha256, round_no=1, kind="readiness")
    here.spending.book_look(STUDY, task, here.trainer.facts(STUDY))
    here.close()  # it was killed before anything left
    table = site / "data.csv"
    table.write_text(table.read_text() + "S9-0001,1.20,61,0,1\n")

    said = told(site)

    assert said.whole
    assert not said.counted


def test_a_site_that_is_not_ready_tells_that_and_nobody_is_looked_at(tmp_path):
    site = spoilt(tmp_path / "a")
    check_now(site, STUDY, clock())

    said = told(site)

    assert [name for name, fits in said.ready.items() if not fits] == ["creatinine"]
    assert not said.counted
    assert not said.values.any()
    (entry,) = entries(site)
    assert entry["privacy"] == {"mechanism": "public"}


@pytest.mark.parametrize(
    "policy",
    [Policy(min_patients=91), Policy(lanes=frozenset({"exact"})), Policy(epsilon_lifetime=0.5)],
    ids=["few", "closed-lane", "no-budget"],
)
def test_a_ready_site_counts_nobody_where_its_policy_does_not_let_it(tmp_path, policy):
    site = make_site(tmp_path / "a", 1)
    check_now(site, STUDY, clock())

    said = told(site, policy=policy)

    assert said.whole
    assert not said.counted


@pytest.mark.slow
def test_the_noise_has_the_spread_that_was_booked(tmp_path):
    site = make_site(tmp_path / "a", 1)
    found = []
    for _ in range(8):
        check_now(site, STUDY, clock())
        said = told(site, policy=Policy(min_cell=1, epsilon_lifetime=1e9))
        found.append(said.values[:, -1])  # nothing is missing: these are noise alone

    assert np.std(found) == pytest.approx(look().noise * reach(STUDY), rel=0.5)


def test_no_hub_can_ask_for_a_statement(tmp_path):
    site = make_site(tmp_path / "a", 1)
    asked = Task(study=STUDY.sha256, round_no=0, kind="readiness")

    assert task_objections(asked, STUDY, Seen())[0].rule == "intake-kind"
    assert not (site / "ledger").exists()


def test_the_page_on_readiness_shows_a_record_that_is_read(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "formats" / "readiness.md").read_text("utf-8")
    shown = page.split("```json\n")[1].split("```")[0].strip()
    study = json.loads(shown)["study"]
    (tmp_path / "readiness").mkdir()
    (tmp_path / "readiness" / f"{study}.json").write_text(shown)

    made = recorded(tmp_path, study)

    assert made is not None
    assert (made.whole, made.tell, made.number) == (False, True, 2)
    assert canonical_bytes(json.loads(shown)) == shown.encode()

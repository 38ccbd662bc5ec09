"""With every injected fault a site takes no part, and has nothing that could be trained on.

The faults are those of tests/unit/readers; the doors are those of a node. A person approves
behind `require_ready`, a task meets `objection`, and a trainer sees a snapshot, which only
the extractor writes. Every seventh is asked by `make test`, all by `make test-all`.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modelward.errors import DataError, NotApproved
from modelward.site.approving.readiness import check_now, objection, require_ready
from modelward.site.isolation.snapshot import read_facts
from modelward.site.rooms.extractor import extract, want
from modelward.study.read import parse
from tests.kinds import KINDS, STUDY, write_site
from tests.sites import clock
from tests.unit.readers.test_hospital_faults import FAULTS
from tests.unit.readers.test_readiness import ERRORS, PEOPLE, TODAY, WARNINGS

TERMS = parse(STUDY)

BLOCKING = [(kind, name, edit) for kind, name, edit, *_ in ERRORS] + [
    (kind, name, edit) for kind, name, edit, level, *_ in FAULTS if level == "error"
]
DOUBTFUL = [(kind, name, edit, key) for kind, name, edit, key, _ in WARNINGS] + [
    (kind, name, edit, key) for kind, name, edit, level, key, *_ in FAULTS if level == "warning"
]


def asked(faults: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the faults as parameters; only every seventh is not of the full length."""
    return [
        pytest.param(
            *fault, id=f"{fault[0]}: {fault[1]}", marks=[pytest.mark.exhaustive] * bool(n % 7)
        )
        for n, fault in enumerate(faults)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: Any) -> Path:
    """Where sites without a fault are kept, to be copied and damaged."""
    made: Path = tmp_path_factory.mktemp("whole")
    return made


def damaged(whole: Path, folder: Path, kind: str, edit: Any) -> Path:
    site = folder / "site"
    if not (whole / kind).exists():
        write_site(whole / kind, kind, PEOPLE)
    shutil.copytree(whole / kind, site)
    edit(site)
    return site


def takes_no_part(site: Path) -> None:
    """Hold every door of a node closed for the study."""
    with pytest.raises(NotApproved, match="is not ready"):
        require_ready(site, TERMS)
    assert objection(site, TERMS)[0].rule == "readiness"
    want(site, TERMS)
    with pytest.raises(DataError):
        extract(site, TODAY)
    assert read_facts(site, TERMS.sha256) is None
    assert not list(site.glob("snapshots/*/*"))


def test_more_than_sixty_faults_are_asked():
    assert len({(kind, name) for kind, name, *_ in (*BLOCKING, *DOUBTFUL)}) > 60


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name", "edit"), asked(BLOCKING))
def test_a_site_with_a_fault_takes_no_part_and_has_no_cohort(whole, tmp_path, kind, name, edit):
    site = damaged(whole, tmp_path, kind, edit)

    found = check_now(site, TERMS, clock())

    assert any(each.level == "error" for each in found.findings), name
    takes_no_part(site)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name", "edit", "key"), asked(DOUBTFUL))
def test_a_site_with_a_doubt_takes_no_part_until_somebody_accepts_it(
    whole, tmp_path, kind, name, edit, key
):
    site = damaged(whole, tmp_path, kind, edit)

    found = check_now(site, TERMS, clock())

    takes_no_part(site)
    told = {each.key for each in found.findings if each.level == "warning"}
    assert key in told, name
    if any(each.level == "error" for each in found.findings):
        return  # the doubt comes with a fault, which blocks whatever is accepted
    check_now(site, TERMS, clock(), sorted(told))
    require_ready(site, TERMS)
    assert extract(site, TODAY) == [TERMS.sha256]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "_"), asked([(kind, "whole") for kind in KINDS]))
def test_the_same_site_without_a_fault_takes_part(whole, tmp_path, kind, _):
    """Else the doors above might be closed to everybody."""
    site = damaged(whole, tmp_path, kind, lambda _: None)

    check_now(site, TERMS, clock())

    require_ready(site, TERMS)
    assert objection(site, TERMS) == ()
    want(site, TERMS)
    assert extract(site, TODAY) == [TERMS.sha256]
    facts = read_facts(site, TERMS.sha256)
    assert facts is not None
    assert sum(facts.units.values()) > 100

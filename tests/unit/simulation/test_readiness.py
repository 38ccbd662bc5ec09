"""The hub's view of sites on one machine: who is ready, who lacks what, and how they differ."""

import json

import pytest

from modelward.report.page import as_page
from modelward.report.readiness import as_object, tell
from modelward.report.text import as_text
from modelward.simulation.readiness import view
from tests.command import modelward
from tests.sites import NEWTON, clock, make_site, newton


@pytest.fixture
def hospitals(tmp_path):
    for seed, name in enumerate(("east", "north", "west")):
        make_site(tmp_path / "data" / name, seed, 400)
    table = tmp_path / "data" / "west" / "data.csv"
    table.write_text(table.read_text().replace("creatinine", "krea"))
    old = tmp_path / "data" / "east" / "data.csv"
    lines = old.read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    aged = [",".join([r[0], r[1], str(min(110, int(r[2]) + 20)), *r[3:]]) for r in rows]
    old.write_text("\n".join([lines[0], *aged]) + "\n")
    return tmp_path / "data"


def test_the_view_says_who_is_ready_who_lacks_what_and_what_differs(tmp_path, hospitals):
    found = view(newton(), hospitals, tmp_path / "run", clock())

    assert {site.site: (site.ready, site.units, site.lacks) for site in found.sites} == {
        "east": (True, 200, ()), "north": (True, 200, ()), "west": (False, 0, ("creatinine",)),
    }  # fmt: skip
    assert {(each.name, each.site) for each in found.shifts if each.shifted} == {
        ("age", "east"), ("age", "north"),
    }  # fmt: skip
    said = " ".join(as_text(tell(found)).split())
    assert "NOT READY: west; it takes part in nothing until that is mended." in said
    assert "Sites differ by more than chance and noise in age." in said
    assert "lacking at west" in said
    assert "<h1>" in as_page(tell(found))
    assert json.loads(json.dumps(as_object(found)))["sites"][2]["lacks"] == ["creatinine"]


@pytest.mark.slow
def test_a_second_look_counts_the_same_sites_again_under_their_own_ledgers(tmp_path, hospitals):
    view(newton(), hospitals, tmp_path / "run", clock())
    view(newton(), hospitals, tmp_path / "run", clock())

    lines = (tmp_path / "run" / "east" / "ledger" / "entries.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["reservation", "privacy", "release"] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("hospitals")
def test_the_command_prints_the_view_and_ends_with_three_where_one_is_not_ready(tmp_path):
    (tmp_path / "study.toml").write_text(NEWTON)
    asked = ("study", "readiness", "study.toml", "--data", "data", "--html", "view.html")

    ended = modelward(*asked, cwd=tmp_path)

    assert ended.returncode == 3, ended.stderr
    assert "2 of 3 sites ready" in ended.stdout
    assert "default-src" in (tmp_path / "view.html").read_text()
    neither = modelward("study", "readiness", "study.toml", cwd=tmp_path)
    assert "--hub HUB, or --data FOLDER" in neither.stderr

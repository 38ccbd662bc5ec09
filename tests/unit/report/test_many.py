"""A report of forty-eight hospitals is a page that a person can read."""

import re
from dataclasses import replace

import pytest

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.report.blocks import Figure, Listing, Table, Words
from modelward.report.many import MANY, some
from modelward.report.page import as_page
from modelward.report.pictures.heat_map import HeatRow, heat_map
from modelward.report.pictures.plots import shorten
from modelward.report.sections.comparing import comparison
from modelward.report.sections.groups import groups
from modelward.report.sections.score_cells import gaps
from modelward.report.sections.tables import spread_table
from modelward.report.sections.verdicts import forest_rows, ordered, verdicts
from modelward.report.story import tell
from modelward.report.text import as_text
from tests.many_hospitals import SITES, findings

LOST = "% of the resamples have no finite value"


@pytest.fixture(scope="module")
def found() -> Findings:
    return findings()


@pytest.mark.slow
def test_page_and_text_stay_small_enough_to_mail(found):
    story = tell(found)

    assert len(as_page(story)) < 1_000_000
    assert len(as_text(story)) < 250_000


@pytest.mark.slow
def test_no_table_has_a_row_for_every_pair(found):
    rows = [
        len(table.rows)
        for section in tell(found).sections
        for block in section.blocks
        if isinstance(table := block.table if isinstance(block, Figure) else block, Table)
    ]

    assert max(rows) <= 4 * len(SITES)


@pytest.mark.slow
def test_every_pair_is_a_cell_of_the_heat_map_and_a_scale_says_what_shades_are(found):
    grid = next(
        block
        for block in comparison(found)
        if isinstance(block, Figure) and "every model in every hospital" in block.caption
    )

    drawn = grid.drawings[0]
    assert drawn.count('class="shade"') == len(SITES) * (len(SITES) + 2) + 5
    assert grid.table.rows == spread_table(found).rows
    assert len(grid.table.rows) == len(SITES) + 2


def test_a_missing_cell_of_a_dense_map_has_no_shade():
    columns = [f"h{n}" for n in range(MANY + 1)]
    drawn = heat_map([HeatRow("A", (None, *[0.5] * MANY))], columns, "AUC")

    assert drawn.count('class="shade"') == MANY + 5


@pytest.mark.slow
def test_forest_plots_go_from_the_largest_advantage_to_the_largest_loss(found):
    middles = [row.middle for row in ordered(forest_rows(found, "auc"))]

    assert middles == sorted(middles, reverse=True)


@pytest.mark.slow
def test_whoever_should_keep_a_local_model_has_a_sentence_and_the_others_are_counted(found):
    blocks = verdicts(found, 10)
    told = next(block for block in blocks if isinstance(block, Listing))
    rest = next(b for b in blocks if isinstance(b, Words) and b.text.startswith("The others"))

    keep = [one.site for one in found.verdicts if one.word == "keep your local model"]
    assert [term for term, _ in told.items] == [found.record.title(site) for site in keep]
    counted = sum(int(n) for n in re.findall(r": (\d+) hospitals?", rest.text))
    assert counted + len(keep) == len(SITES)


@pytest.mark.slow
def test_levels_of_single_hospitals_are_shades_and_not_hundreds_of_rows(found):
    blocks = groups(found)
    drawn = [block for block in blocks if isinstance(block, Figure)]

    assert [block.caption for block in blocks if isinstance(block, Table)].count(
        "Groups, hospital by hospital"
    ) == 0
    assert len(drawn) == 1
    shown = sum(
        one.site != "" and one.auc.value is not None
        for one in (found.evaluation.groups if found.evaluation else ())
    )
    assert drawn[0].drawings[0].count('class="shade"') == shown + 5


@pytest.mark.slow
def test_reasons_that_differ_by_a_share_are_one_reason_with_some_of_its_places(found):
    rows = [
        (site, replace(found.federated.at(site), slope=Estimate(1.0, None, f"{n}.5{LOST}")))
        for n, site in enumerate(SITES, start=2)
    ]

    assert gaps(rows) == (
        "; ".join(f"{site} (Slope)" for site in SITES[:8])
        + f" and 40 more: more than 1{LOST}.",
    )


def test_names_keep_their_ends_which_tell_them_apart():
    assert shorten("Universitätsklinikum Nord 41") != shorten("Universitätsklinikum Nord 45")
    assert shorten("Universitätsklinikum Nord 41").endswith("41")
    assert len(shorten("Universitätsklinikum Nord 41")) <= 21
    assert some(["a"] * 20).endswith("and 12 more")

"""Groups, costs, hospitals left out and shares, as a reader finds them."""

from dataclasses import replace

import pytest

from modelward.evaluate.facts.record import LEAKAGE
from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.coarser import Coarser
from modelward.evaluate.judged import Evaluation
from modelward.report.blocks import Figure, Section, Table, Words
from modelward.report.cells import hide_small_cells
from modelward.report.page import as_page
from modelward.report.story import tell
from modelward.report.text import as_text
from tests.four_hospitals import evaluated

FOUND = evaluated(draws=30)
TEXT = as_text(tell(FOUND))


def section(findings: Findings, title: str) -> Section:
    return next(each for each in tell(findings).sections if each.title == title)


def part_of(found: Findings) -> Evaluation:
    assert found.evaluation is not None
    return found.evaluation


def test_all_sections_are_there_when_everything_was_asked():
    titles = [each.title for each in tell(FOUND).sections]

    assert len(titles) == 13
    assert {"In groups of patients", "Would acting on it help?", "What it cost"} <= set(titles)


def test_every_picture_has_its_table():
    figures = [b for s in tell(FOUND).sections for b in s.blocks if isinstance(b, Figure)]

    assert len(figures) == 9
    assert all(figure.table.rows for figure in figures)
    assert all("<svg" in drawn for figure in figures for drawn in figure.drawings)


def test_a_hidden_group_says_that_it_is_hidden_and_nothing_else():
    tables = [b for b in section(FOUND, "In groups of patients").blocks if isinstance(b, Table)]
    by_site = next(t for t in tables if t.caption == "Groups, hospital by hospital")
    swiss = [row for row in by_site.rows if row[0].main == "Zürich and Basel"]

    assert swiss
    for row in swiss:
        assert [cell.main for cell in row[3:]] == ["not shown", "", "", "", ""]


def test_a_group_of_which_a_hospital_shows_no_level_is_one_line():
    everywhere = next(iter(part_of(FOUND).groups))
    away = [replace(everywhere, site="va", level=level, units=None) for level in "abc"]
    here = replace(everywhere, site="cleveland")
    found = replace(part_of(FOUND), groups=(everywhere, here, *away))
    tables = section(replace(FOUND, evaluation=found), "In groups of patients").blocks
    rows = next(
        t.rows
        for t in tables
        if isinstance(t, Table) and t.caption == "Groups, hospital by hospital"
    )

    assert [[cell.main for cell in row[1:4]] for row in rows] == [
        [everywhere.group, everywhere.level, f"{here.units:,}"],
        [everywhere.group, "every level", "not shown"],
    ]


def test_where_no_level_is_shown_there_is_no_table_of_nothing():
    away = tuple(replace(one, units=None) for one in part_of(FOUND).groups)
    found = replace(part_of(FOUND), groups=away, gaps=(), spreads=())
    blocks = section(replace(FOUND, evaluation=found), "In groups of patients").blocks
    said = " ".join(block.text for block in blocks if isinstance(block, Words))

    assert not any(isinstance(block, Table) for block in blocks)
    assert "of no group are two levels of all hospitals together shown" in said
    assert "Hospital by hospital, no level of any group is shown." in said
    assert f"{len(away)} of {len(away)} levels" in said


def test_rows_that_are_not_shown_say_why_and_what_would_show_more():
    wide = Coarser(group="age", edges=(18.0, 60.0, 110.0), told=5, rows=8)
    more = replace(part_of(FOUND), coarser=(wide,))
    text = " ".join(as_text(tell(replace(FOUND, evaluation=more))).split())

    assert (
        "levels, together and by hospital, are not shown: in them, or where they would be"
        in text
    )
    rows = [one for one in part_of(FOUND).groups if one.group == "age"]
    told = sum(one.units is not None for one in rows)
    assert (
        'groups = ["age:[18, 60, 110]"] would show 5 of its 8 levels, among them every one of'
        f" all hospitals together ({told} of {len(rows)} now)."
    ) in text
    assert "sex: More test patients (plan.test)." in text


def test_the_threshold_and_its_rule_are_said():
    assert "Rates are at a threshold of 0.4: as invented." in " ".join(TEXT.split())


def test_a_difference_that_is_more_than_chance_is_said_in_a_sentence():
    gap = next(iter(part_of(FOUND).gaps))
    kept = replace(gap, kept=True, adjusted=0.0004)
    more = replace(part_of(FOUND), gaps=(kept, *part_of(FOUND).gaps[1:]))
    text = " ".join(as_text(tell(replace(FOUND, evaluation=more))).split())

    assert "p below 0.001 after adjustment" in text
    assert "is no proof that there are none" in " ".join(TEXT.split())


def test_the_cost_says_what_it_assumes():
    said = " ".join(TEXT.split())

    assert "assumes 15 W for each of 2 busy cores" in said
    assert "leaves out networks" in said
    assert "that pooling the records would have moved once" in said


def test_verdicts_are_told_with_margin_and_adjustment():
    said = " ".join(TEXT.split())

    assert "Asked at once for the 3 hospitals that have an interval (Holm's adjustment)" in said
    assert "The margin of 0.05 was signed with the study" in said


def test_the_leakage_card_stands_out_from_the_words_on_privacy():
    record = replace(FOUND.record, privacy=f"None. {LEAKAGE} Audited: the training of va.")
    page = as_page(tell(replace(FOUND, record=record)))

    assert f"<b>{LEAKAGE}</b> Audited: the training of va." in page
    assert "<p>None.</p>" in page


def test_the_chosen_threshold_has_its_rates_by_hospital():
    found = section(FOUND, "Would acting on it help?")
    said = found.blocks[0]
    table = found.blocks[1]
    assert isinstance(said, Words)
    assert isinstance(table, Table)

    assert said.text == "A probability of 0.4 or more counts as a yes: as invented."
    assert [row[0].main for row in table.rows][:2] == ["All", "Cleveland Clinic"]
    assert all(cell.main != "" for row in table.rows for cell in row)


def test_rates_at_the_chosen_threshold_give_no_hidden_hospital_back():
    hidden = hide_small_cells(evaluated(draws=30, in_one_process=False))
    chosen = part_of(hidden).chosen
    assert chosen is not None

    assert (chosen.threshold, chosen.acting) == (0.4, ())
    assert "not shown, as they would tell of a few" in " ".join(as_text(tell(hidden)).split())


def test_what_was_not_asked_has_no_section():
    bare = replace(FOUND, evaluation=None)
    titles = [each.title for each in tell(bare).sections]

    assert len(titles) == 10
    assert "In groups of patients" not in titles


def test_in_a_real_run_small_hospitals_have_no_curve_no_group_and_no_cost():
    real = hide_small_cells(evaluated(draws=30, in_one_process=False))
    found = part_of(real)

    assert "switzerland" not in {one.site for one in found.paths}
    assert "switzerland" not in {one.site for one in found.away}
    assert found.cost is None or "switzerland" not in {one.site for one in found.cost.sites}
    assert {one.site for one in found.groups} <= {"", "cleveland", "hungary", "va"} | {
        one.site for one in found.groups if one.units is None
    }


@pytest.mark.parametrize("limit", [11, 999])
def test_with_a_larger_minimum_groups_are_left_out(limit):
    real = hide_small_cells(evaluated(draws=30, in_one_process=False), limit)

    assert part_of(real).groups == ()
    assert part_of(real).gaps == ()


def test_who_divides_a_share_or_repeats_the_hub_is_named():
    first, second, third, *others = part_of(FOUND).shares
    named = (
        replace(first, same_as=(second.site,)),
        replace(second, same_as=(first.site,)),
        replace(third, repeats=5),
        *others,
    )
    found = replace(FOUND, evaluation=replace(part_of(FOUND), shares=named))
    text = " ".join(as_text(tell(found)).split())

    assert text.count("sent the same updates every round: they divide one share") == 1
    assert "Zürich and Basel sent what the hub had told in 5 rounds" in text
    assert "divide one share" not in TEXT
    assert Findings.from_json(found.to_json()) == found
    assert "same_as" not in FOUND.to_json()

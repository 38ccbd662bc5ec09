"""Every comparison in one table: both intervals, and what remains when all are asked."""

from dataclasses import replace

from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.findings import Findings
from modelward.report.blocks import Table
from modelward.report.cells import hide_small_cells
from modelward.report.sections.family import versus
from tests.four_hospitals import evaluated, findings

FOUND = evaluated(draws=50)


def table(found: Findings) -> Table:
    (block,) = versus(found)
    assert isinstance(block, Table)
    return block


def test_each_line_has_both_intervals_and_its_adjusted_p():
    shown = table(FOUND)
    pooled, *_ = shown.rows

    assert {len(row) for row in shown.rows} == {len(shown.head)}
    assert pooled[0].main == "all hospitals"
    for title in ("DeLong", "Bootstrap"):
        assert pooled[shown.head.index(title)].main.startswith("[")
    assert pooled[-1].main == "1.000"


def test_the_family_and_what_remains_of_it_are_said():
    assert FOUND.evaluation is not None
    asked = [one for one in FOUND.evaluation.family if one.adjusted is not None]
    shown = table(FOUND)

    assert f"adjusted over all {len(asked)} comparisons" in shown.notes[1]
    kept = sum(row[-1].small == "kept" for row in shown.rows)
    assert kept == sum(one.kept for one in asked)
    assert kept


def test_where_the_two_intervals_disagree_nothing_is_shown():
    assert FOUND.evaluation is not None
    first, *others = FOUND.evaluation.family
    above, across = Interval(0.001, 0.1, "a"), Interval(-0.001, 0.1, "b")
    disputed = replace(first, difference=Estimate(0.1, above), resampled=Estimate(0.1, across))
    found = replace(FOUND, evaluation=replace(FOUND.evaluation, family=(disputed, *others)))

    assert "all hospitals (Pooled)" in table(found).notes[-1]


def test_among_very_many_a_brier_score_cannot_be_kept_and_that_is_said():
    assert FOUND.evaluation is not None
    lines = tuple(
        replace(one, site="") if one.metric == "brier" else one
        for one in FOUND.evaluation.family
    )
    many = replace(FOUND, evaluation=replace(FOUND.evaluation, family=10 * lines))

    assert any("difference in the Brier score of everybody" in n for n in table(many).notes)
    assert not any("can be kept" in note for note in table(FOUND).notes)


def test_without_an_evaluation_differences_are_shown_unadjusted():
    alone = findings(draws=20)
    shown = table(alone)

    assert len(shown.rows) == len(alone.against)
    assert {row[-1].main for row in shown.rows} == {"\N{EN DASH}"}
    assert versus(replace(alone, against={})) == ()


def test_lines_of_a_hospital_with_a_hidden_count_are_not_passed_on():
    assert FOUND.evaluation is not None
    hidden = hide_small_cells(FOUND, everywhere=True)
    assert hidden.evaluation is not None

    gone = {one.site for one in FOUND.evaluation.family} - {
        one.site for one in hidden.evaluation.family
    }
    assert gone == {"switzerland", "va"}  # VA covers it

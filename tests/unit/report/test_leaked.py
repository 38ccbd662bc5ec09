"""The leakage card in a report: its tables, and what is not passed on."""

from dataclasses import replace

import pytest

from modelward.evaluate.facts.leaked import Guessed, Leaked, Told, hide_few_told
from modelward.evaluate.facts.record import LEAKAGE
from modelward.evaluate.findings import Findings
from modelward.report.blocks import Table
from modelward.report.cells import hide_small_cells
from modelward.report.sections.leaked import leakage
from modelward.report.story import tell
from modelward.report.text import as_text
from tests.four_hospitals import findings


def told(group: str, members: int, others: int) -> Told:
    return Told(
        group=group,
        members=members,
        others=others,
        auc=0.57,
        low=0.53,
        high=0.61,
        found=0.03,
        found_low=0.02,
        by_lot=0.004,
    )


def guessed(seen: str, low: float) -> Guessed:
    return Guessed(seen=seen, guesses=200, right=120, low=low, most=3.98, confidence=0.975)


CARD = Leaked(
    site="va",
    claimed=3.0,
    words=("Audited: the training of va.", "Other attacks may find more."),
    guessed=(guessed("every update", 0.25), guessed("the last model only", 0.0)),
    told=(told("all", 85, 45), told("with the outcome", 64, 33), told("without", 21, 12)),
)
FOUND = replace(findings(draws=20), leaked=CARD)


def tables(found: Findings) -> list[Table]:
    return [block for block in leakage(found) if isinstance(block, Table)]


def test_the_card_has_a_table_of_each_attack():
    coins, members = tables(FOUND)

    assert [[cell.main for cell in row] for row in coins.rows] == [
        ["every update", "200", "120", "0.25", "3.98", "3"],
        ["the last model only", "200", "120", "0.00", "3.98", "3"],
    ]
    assert [cell.main for cell in members.rows[0]] == [
        "all", "85", "45", "0.57", "3.0%", "0.004",
    ]  # fmt: skip
    assert members.rows[0][3].small == "[0.53, 0.61]"


def test_a_study_that_was_audited_does_not_say_that_nothing_was_measured():
    words = " ".join(as_text(tell(FOUND)).split())

    assert "how much was not measured" not in words
    assert "how much was not measured" in " ".join(as_text(tell(findings(draws=20))).split())


def test_findings_with_a_card_come_back_and_those_without_have_no_trace_of_one():
    assert Findings.from_json(FOUND.to_json()) == FOUND
    assert '"leaked"' not in findings(draws=20).to_json()


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ((told("all", 85, 45), told("yes", 80, 40), told("no", 5, 5)), ["all"]),
        ((told("all", 85, 9), told("yes", 64, 5), told("no", 21, 4)), []),
        (CARD.told, ["all", "with the outcome", "without"]),
    ],
)
def test_a_small_count_is_not_passed_on_nor_is_its_complement(rows, left):
    hidden = hide_few_told(replace(CARD, told=rows), 10)

    assert hidden is not None
    assert [one.group for one in hidden.told] == left


def test_a_card_in_words_as_earlier_versions_wrote_it_is_not_passed_on():
    words = f"None. {LEAKAGE} RMIA tells 7 of those without the outcome."
    old = replace(FOUND, leaked=None, record=replace(FOUND.record, privacy=words))
    hidden = hide_small_cells(old, everywhere=True)

    assert hidden.record.privacy.startswith(f"None. {LEAKAGE}")
    assert "RMIA" not in hidden.record.privacy


def test_the_version_to_pass_on_has_the_card_without_small_counts():
    few = replace(CARD, told=(told("all", 85, 45), told("yes", 78, 38), told("no", 7, 7)))
    hidden = hide_small_cells(replace(FOUND, leaked=few), everywhere=True)

    assert [row[0].main for row in tables(hidden)[1].rows] == ["all"]

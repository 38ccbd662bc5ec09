"""What a privacy bound costs, as a reader finds it."""

from dataclasses import replace

from modelward.evaluate.comparing.bound_cost import bound_cost
from modelward.evaluate.findings import Findings
from modelward.report.blocks import Figure, Table
from modelward.report.cells import hide_small_cells
from modelward.report.page import as_page
from modelward.report.story import tell
from modelward.report.text import as_text
from tests.four_hospitals import divided, evaluated, judged

BOTH = judged()
FOUND = replace(
    evaluated(draws=30),
    bound=bound_cost("ab" * 32, BOTH["fedavg"], BOTH["federated"], divided()),
)
TITLE = "What the privacy bound costs"
TEXT = " ".join(as_text(tell(FOUND)).split())


def test_the_loss_of_everybody_and_the_largest_ones_are_said():
    assert "on all test patients together the bound changes AUC by \N{MINUS SIGN}" in TEXT
    assert "Among hospitals it costs" in TEXT
    assert "Among groups it costs sex = " in TEXT or "Among groups it costs age = " in TEXT
    assert "another run would draw other noise" in TEXT


def test_there_is_a_picture_of_everybody_hospitals_and_groups_with_its_table():
    section = next(each for each in tell(FOUND).sections if each.title == TITLE)
    figure, by_hospital = section.blocks[1:]

    assert isinstance(figure, Figure)
    assert len(figure.table.rows) == 1 + 4 + 5
    assert figure.drawings[0].count("whisker") >= 3 * 8
    assert isinstance(by_hospital, Table)
    assert {row[2].main for row in by_hospital.rows if row[0].main.startswith("Zür")} == {
        "not shown"
    }
    assert TITLE in as_page(tell(FOUND))


def test_findings_with_it_come_back_and_without_it_have_no_such_key():
    assert Findings.from_json(FOUND.to_json()) == FOUND
    assert '"bound"' not in replace(FOUND, bound=None).to_json()


def test_a_report_between_institutions_never_has_it():
    apart = replace(FOUND, record=replace(FOUND.record, in_one_process=False))

    assert hide_small_cells(apart).bound is None
    assert TITLE not in [each.title for each in tell(hide_small_cells(apart)).sections]

"""The plain text says what the page says, in lines that fit."""

from modelward.report.blocks import Cell, Figure, Listing, Section, Story, Table, Words, cells
from modelward.report.markup import Html
from modelward.report.story import tell
from modelward.report.text import WIDTH, as_text, block_text, table_text
from tests.four_hospitals import findings

NARROW = Table("Ages", ("Who", "Years"), (cells("Ann", "9"), cells("Bertha", "10")))


def test_columns_line_up_words_left_and_numbers_right():
    assert table_text(NARROW) == (
        "Ages\n\n"
        "Who     Years\n"
        "------  -----\n"
        "Ann         9\n"
        "Bertha     10"
    )  # fmt: skip


def test_a_table_too_wide_is_told_row_by_row():
    long = "x" * 60
    wide = Table("Wide", ("Who", "One", "Two"), (cells("Ann", long, "2"), cells("", "a", long)))

    assert table_text(wide).splitlines()[2:] == [
        "Ann",
        f"    One {long}; Two 2",
        "Ann",
        f"    One a; Two {long}",
    ]
    half = Table("Wide", ("Who", "One", "Two"), (cells("Ann", long + long, ""),))
    assert "Two" not in table_text(half)  # a title without a value says nothing


def test_intervals_stay_in_brackets_and_other_small_print_gets_some():
    table = Table("T", ("Who", "A"), ((Cell("Ann", "16 patients"), Cell("0.5", "[0.4, 0.6]")),))

    assert "Ann (16 patients)  0.5 [0.4, 0.6]" in table_text(table)


def test_a_figure_becomes_its_table():
    figure = Figure((Html("<svg></svg>"),), "A picture.", NARROW)

    assert block_text(figure) == table_text(NARROW)


def test_alerts_cannot_be_overlooked():
    assert block_text(Words("The ledger is broken.", "alert")).startswith("WARNING: ")


def test_sections_are_numbered():
    text = as_text(Story("k", "T", "s", (Section("First", (Listing((("A.", "b."),)),)),)))

    assert "1. First\n--------\n\n- A: b." in text


def test_lines_fit_except_hashes_paths_and_commands():
    for line in as_text(tell(findings(draws=20))).splitlines():
        unbreakable = line.lstrip().startswith("modelward ledger") or "sites/" in line
        assert len(line) <= WIDTH or unbreakable

"""Tables show the findings, and say why something is missing."""

from dataclasses import replace

from modelward.report.blocks import Table
from modelward.report.numbers import MISSING, decimal
from modelward.report.sections import run_tables, tables
from tests.four_hospitals import findings

FOUND = findings(draws=20)
ALONE = replace(FOUND, models=tuple(m for m in FOUND.models if m.name != "pooled"))


def column(table: Table, title: str) -> list[str]:
    """Return the main values of a column."""
    place = table.head.index(title)
    return [row[place].main for row in table.rows]


def every_table() -> list[Table]:
    drawn = [("Federated", FOUND.federated)]
    return [
        tables.model_table(FOUND),
        tables.published_table(FOUND),
        tables.local_table(FOUND),
        tables.cross_table(FOUND),
        tables.verdict_table(FOUND, 10),
        tables.site_table(FOUND, 10),
        run_tables.round_table(FOUND),
        run_tables.roc_table(drawn),
        run_tables.reliability_table(drawn),
        run_tables.training_table(FOUND, 10),
        run_tables.egress_table(FOUND),
        run_tables.root_table(FOUND),
    ]


def test_every_row_is_as_wide_as_the_head():
    for table in every_table():
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}


def test_models_stand_below_each_other_federated_first():
    table = tables.model_table(FOUND)

    assert column(table, "Model")[:3] == ["Federated", "Pooled", "FedAvg, SGD"]
    assert column(table, "AUC") == [decimal(m.overall.auc.value) for m in FOUND.models]
    assert "AUC: DeLong, logit scale" in table.notes[0]


def test_without_pooled_model_its_row_says_why():
    row = tables.model_table(ALONE).rows[1]

    assert (row[0].main, row[0].small) == ("Pooled", "not computed: records stay at the sites")
    assert {cell.main for cell in row[1:]} == {MISSING}


def test_one_unit_with_an_outcome_makes_no_figure_of_a_hospital():
    table = tables.cross_table(FOUND)
    lowest, why = table.notes

    assert FOUND.federated.at("switzerland").auc.value is not None
    assert set(column(table, "Zürich and Basel")) == {MISSING}
    assert "Zürich and Basel" not in lowest
    assert why.startswith("No AUC at Zürich and Basel: fewer than two test patients")
    assert tables.local_table(FOUND).notes == (why,)


def test_a_site_without_model_of_its_own_is_said_to_have_none():
    row = tables.local_table(FOUND).rows[2]

    assert (row[1].main, row[1].small) == (MISSING, "no model")


def test_every_model_stands_in_every_hospital_and_the_worst_is_named():
    table = tables.cross_table(FOUND)

    assert len(table.rows) == len(FOUND.models)
    places = [site.name for site in FOUND.record.sites]
    known = {s: v for s in places if (v := FOUND.federated.at(s).auc.value) is not None}
    least = min(known, key=lambda site: known[site])
    assert f"Federated: {FOUND.record.title(least)}, {decimal(known[least])}" in table.notes[0]


def test_verdicts_are_words_with_a_sign():
    words = column(tables.verdict_table(FOUND, 10), "Verdict")

    assert [word[2:] for word in words] == [verdict.word for verdict in FOUND.verdicts]


def test_missing_figures_have_a_note():
    notes = " ".join(tables.site_table(FOUND, 10).notes)

    assert "only one unit has one of the two outcomes" in notes


def test_many_rounds_are_thinned_but_keep_first_and_last():
    shown = column(run_tables.round_table(FOUND), "Round")

    assert (shown[0], shown[-1]) == ("1", "20")
    assert len(shown) <= run_tables.MOST_ROUNDS + 1


def test_a_ledger_that_does_not_verify_shouts():
    first, *others = FOUND.record.sites
    assert first.ledger is not None
    broken = replace(first, ledger=replace(first.ledger, verified=False))
    bare = replace(others[0], ledger=None)
    sites = (broken, bare, *others[1:])
    found = replace(FOUND, record=replace(FOUND.record, sites=sites))

    assert column(run_tables.egress_table(found), "Verified") == ["NO", MISSING, "yes", "yes"]

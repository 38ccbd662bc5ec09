"""Sections in the order in which readers ask, honest about what was not done."""

from dataclasses import replace

from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.measures.scores import ModelFindings
from modelward.report.blocks import Command, Figure, Listing, Story, Words
from modelward.report.cells import hide_small_cells
from modelward.report.sections.verdicts import forest_rows
from modelward.report.story import tell
from modelward.report.text import as_text
from tests.four_hospitals import findings

FOUND = findings(draws=20)


def sections(story: Story) -> list[str]:
    return [section.title for section in story.sections]


def test_the_answer_comes_first_and_the_limits_last():
    titles = sections(tell(FOUND))

    assert len(titles) == 10
    assert (titles[0], titles[-1]) == ("The answer", "Limits")


def test_advantage_points_right_for_brier_too():
    (swiss,) = forest_rows(FOUND, "brier")
    verdict = FOUND.verdicts[2]
    assert verdict.difference.value is not None
    assert verdict.difference.interval is not None

    assert swiss.middle == -verdict.difference.value
    assert (swiss.low, swiss.high) == (
        -verdict.difference.interval.high,
        -verdict.difference.interval.low,
    )


def test_every_picture_carries_its_table():
    figures = [
        block
        for section in tell(FOUND).sections
        for block in section.blocks
        if isinstance(block, Figure)
    ]

    assert len(figures) == 5
    assert all(figure.table.rows for figure in figures)


def test_commands_can_be_pasted_even_with_hostile_paths():
    first, *others = FOUND.record.sites
    assert first.ledger is not None
    nasty = replace(first, ledger=replace(first.ledger, path="a b; rm -rf ~", key="$(id)"))
    story = tell(replace(FOUND, record=replace(FOUND.record, sites=(nasty, *others))))

    (command,) = (block for block in story.sections[6].blocks if isinstance(block, Command))

    assert command.lines[0] == "modelward ledger verify 'a b; rm -rf ~' --key '$(id)'"


def test_privacy_is_said_in_the_words_of_the_record():
    words = [b.text for b in tell(FOUND).sections[7].blocks if isinstance(b, Words)]

    assert words[0] == FOUND.record.privacy
    assert "No differential privacy was applied." in words[0]


def test_hospitals_where_neither_model_beats_a_coin_are_named():
    def blind(name: str) -> ModelFindings:
        model = next(each for each in FOUND.models if each.name == name)
        auc = Estimate(0.52, Interval(0.4, 0.64, "DeLong, logit scale"))
        sites = [replace(s, auc=auc) if s.site == "va" else s for s in model.by_site]
        return replace(model, by_site=tuple(sites))

    models = tuple(
        blind(each.name) if each.name in {"federated", "local:va"} else each
        for each in FOUND.models
    )
    said = as_text(tell(replace(FOUND, models=models))).replace("\n", " ")

    assert "own test patients at: Long Beach VA." in " ".join(said.split())
    assert "Neither the federated nor the local model" not in as_text(tell(FOUND))


def test_a_watched_figure_that_never_moved_is_said_to_have_chosen_nothing():
    run = FOUND.record.run
    flat = replace(run.curves[0], values=(0.56, 0.56, 0.56))
    still = replace(FOUND, record=replace(FOUND.record, run=replace(run, curves=(flat,))))

    assert "it chose none; how it ended says what did" in " ".join(as_text(tell(still)).split())
    assert "it chose none" not in as_text(tell(FOUND))


def test_limits_name_what_was_simulated():
    record = replace(
        FOUND.record,
        simulated_sites=True,
        study=replace(FOUND.record.study, unit="image"),
    )
    (listing,) = tell(replace(FOUND, record=record)).sections[-1].blocks

    assert isinstance(listing, Listing)
    terms = [term for term, _ in listing.items]
    assert {"Simulated hospitals.", "One machine.", "Unit."} <= set(terms)


def test_a_run_without_validation_says_so():
    run = replace(FOUND.record.run, curves=())

    text = as_text(tell(replace(FOUND, record=replace(FOUND.record, run=run))))

    assert "No validation metric was recorded" in text


def test_verdicts_without_numbers_still_have_their_table():
    real = replace(FOUND, record=replace(FOUND.record, in_one_process=False))
    hidden = hide_small_cells(real, 999)

    text = as_text(tell(hidden, 999))

    assert "<999" in text
    assert "Too few test units, or only one outcome, to draw." in text


def test_without_ledgers_there_is_nothing_to_verify():
    sites = tuple(replace(site, ledger=None) for site in FOUND.record.sites)
    story = tell(replace(FOUND, record=replace(FOUND.record, sites=sites)))

    assert not [block for block in story.sections[6].blocks if isinstance(block, Command)]


def test_a_run_between_patients_of_real_hospitals_has_fewer_limits():
    real = replace(FOUND.record, in_one_process=False)
    (listing,) = tell(replace(FOUND, record=real)).sections[-1].blocks

    assert isinstance(listing, Listing)
    assert "One machine." not in [term for term, _ in listing.items]

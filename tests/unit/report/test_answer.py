"""The three sentences at the top."""

from dataclasses import replace

import pytest

from modelward.evaluate.comparing.verdict import Word
from modelward.evaluate.estimate import Estimate, Interval
from modelward.report.sections.answer import against_pooled, answer, reached, worth_it
from tests.four_hospitals import findings

FOUND = findings(draws=20)


def test_the_first_sentence_says_who_learned_and_how_good_it_is():
    said = reached(FOUND)

    assert said.startswith(
        "Four hospitals learned one model together on 486 training patients, in 6 rounds and"
        " 3.4 seconds; on their 254 test patients it reaches AUC 0.91 [0.8"
    )


def test_a_hospital_in_no_round_is_named_and_not_counted_among_those_who_learned():
    apart = replace(FOUND, record=replace(FOUND.record, apart=("switzerland",)))
    said = [words.text for words in answer(apart)]

    assert said[0].startswith(
        "Three of four hospitals learned one model together on 456 training patients"
    )
    assert any("In no round of this model: Zürich and Basel." in text for text in said)
    assert not any("In no round" in words.text for words in answer(FOUND))


def chance(low: float, high: float) -> list[str]:
    models = list(FOUND.models)
    auc = Estimate(0.5 * (low + high), Interval(low, high, "DeLong, logit scale"))
    models[0] = replace(models[0], overall=replace(models[0].overall, auc=auc))
    return [words.text for words in answer(replace(FOUND, models=tuple(models)))]


def test_a_model_that_may_rank_by_chance_is_said_to():
    assert any(text.startswith("This model may rank by chance") for text in chance(0.47, 0.68))
    assert any(text.startswith("This model ranks worse than") for text in chance(0.3, 0.48))
    assert not any("chance" in text for text in chance(0.51, 0.7))


def test_simulated_hospitals_are_called_so():
    simulated = replace(FOUND, record=replace(FOUND.record, simulated_sites=True))

    assert reached(simulated).startswith("Four simulated hospitals")


def test_the_second_sentence_compares_with_pooling():
    assert "federated minus pooled is 0.000 [0.000, 0.000]." in against_pooled(FOUND)


def test_without_pooling_the_second_sentence_says_so():
    alone = replace(FOUND, models=tuple(m for m in FOUND.models if m.name != "pooled"))

    assert against_pooled(alone) == (
        "A model on all records in one place was not computed: records stay at the sites."
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("bnnn", "the federated model is better for one of four; for three no difference was"),
        ("bbbb", "test patients, the federated model is better for four of four."),
        ("nnnn", "test patients, no difference was shown for any of the four."),
        ("nn", "test patients, no difference was shown for either of the two."),
        ("kknn", "test patients, two of four should keep the local model; for two no"),
        ("bkkk", "better for one of four; three of four should keep the local model."),
    ],
)
def test_the_third_sentence_counts_the_verdicts(words, said):
    letters: dict[str, Word] = {
        "b": "federated better",
        "n": "no difference shown",
        "k": "keep your local model",
    }
    pairs = zip(FOUND.verdicts, words, strict=False)
    verdicts = tuple(replace(verdict, word=letters[letter]) for verdict, letter in pairs)

    assert said in worth_it(replace(FOUND, verdicts=verdicts))


def test_a_ledger_that_does_not_verify_is_said_at_the_top():
    first, *others = FOUND.record.sites
    assert first.ledger is not None
    broken = replace(first, ledger=replace(first.ledger, verified=False))
    found = replace(FOUND, record=replace(FOUND.record, sites=(broken, *others)))

    assert [words.kind for words in answer(FOUND)] == ["lead", ""]
    assert [words.kind for words in answer(found)] == ["lead", "alert", ""]
    assert "Cleveland Clinic did not verify" in answer(found)[1].text


def test_where_no_auc_exists_the_sentences_say_so():
    nothing = Estimate(None, None, "all units have the same outcome")
    models = tuple(replace(m, overall=replace(m.overall, auc=nothing)) for m in FOUND.models)
    gap = replace(FOUND.against["pooled"], difference=nothing)
    found = replace(FOUND, models=models, against={**FOUND.against, "pooled": gap})

    assert "no AUC (all units have the same outcome)" in reached(found)
    assert against_pooled(found).endswith("has no AUC (all units have the same outcome).")


def test_a_simulation_says_that_nothing_hid_its_small_cells_and_how_to_hide_them():
    said = answer(FOUND)[-1].text
    real = replace(FOUND, record=replace(FOUND.record, in_one_process=False))

    assert said.startswith("Not for passing on: one machine held all records")
    assert "fewer than 10 patients with or without the outcome are counted at" in said
    assert "--hide-small-cells" in said
    assert answer(real)[-1].kind == "lead"

"""The answer in three sentences, and what must not be overlooked."""

from collections import Counter

from modelward.evaluate.comparing.verdict import Word
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.evaluate.patients import tested as tested_on
from modelward.report.blocks import Words
from modelward.report.many import some
from modelward.report.numbers import between, counted, decimal, duration, signed, spelled
from modelward.report.singled_out import MIN_CELL, few

CHANCE = 0.5
"""AUC of a model that knows nothing."""


def answer(findings: Findings, min_cell: int = MIN_CELL) -> tuple[Words, ...]:
    """Return three sentences, an alert for each ledger in doubt, and what is not gated."""
    alone = len(findings.record.sites) == 1
    worth = at_home(findings) if alone else worth_it(findings)
    sentences = (reached(findings), against_pooled(findings), worth)
    ledgers = [(site.title or site.name, site.ledger) for site in findings.record.sites]
    alerts = [
        Words(f"The ledger of {name} did not verify (see: What left each hospital).", "alert")
        for name, ledger in ledgers
        if ledger and not ledger.verified
    ]
    alerts += [
        Words(f"Alarm of a witness: {each}.", "alert") for each in findings.record.alarms
    ]
    said = (*by_chance(findings), *outside(findings), *ungated(findings, min_cell))
    return (Words(" ".join(sentences), "lead"), *alerts, *said)


def by_chance(findings: Findings) -> tuple[Words, ...]:
    """Say so where the model was not shown to rank better than a coin would."""
    auc = findings.federated.overall.auc
    if auc.interval is None or auc.interval.low > CHANCE:
        return ()
    said = "ranks worse than chance" if auc.interval.high < CHANCE else "may rank by chance"
    return (
        Words(
            f"This model {said}: the interval of its AUC {between(auc, 2)} does not lie above"
            " 0.5, which knows nothing. That a hospital should keep another model, or that this"
            " one is no worse, does not say that either is of use."
        ),
    )


def outside(findings: Findings) -> tuple[Words, ...]:
    """Name the hospitals that are judged, and that the model was not taught by."""
    record = findings.record
    if not record.apart:
        return ()
    named = some([record.title(name) for name in record.apart])
    return (
        Words(
            f"In no round of this model: {named}. No answer to one was released there (see:"
            " What left each hospital). Figures there are of a model that learned without"
            " them."
        ),
    )


def ungated(findings: Findings, min_cell: int) -> tuple[Words, ...]:
    """Say where a simulation shows counts so low that no site would let them leave."""
    record = findings.record
    singled = few(findings, min_cell) if record.in_one_process else ()
    if not singled:
        return ()
    several = any(one.patients is not None for one in findings.federated.by_site)
    unit = "patient" if several else record.study.unit
    where = some([record.title(name) for name in singled])
    return (
        Words(
            "Not for passing on: one machine held all records, so no gate hid small cells, and"
            f" fewer than {min_cell} {unit}s with or without the outcome are counted at {where}"
            ". Between institutions they are hidden, with what is computed from them; "
            "modelward study report RUN --hide-small-cells writes that version of this page."
        ),
    )


def reached(findings: Findings) -> str:
    """Say who learned, on how many, and how good the result is."""
    record, overall = findings.record, findings.federated.overall
    unit = record.study.unit
    trained = [site.train for site in record.sites if site.name not in record.apart]
    known = [units for units in trained if units is not None]
    on = f" on {counted(sum(known), f'training {unit}')}" if len(known) == len(trained) else ""
    kind = "simulated hospitals" if record.simulated_sites else "hospitals"
    all_of = f"of {spelled(len(record.sites))} " if record.apart else ""
    who = f"{spelled(len(trained)).capitalize()} {all_of}{kind}"
    tested = f"their test {unit}s"
    if overall.units:
        tested = f"their {tested_on(overall.units, unit, overall.patients)}"
    rounds = counted(record.run.rounds, "round")
    if len(record.sites) == 1:
        name = record.title(record.sites[0].name)
        tested = tested.replace("their", "its", 1)
        return (
            f"At {name}, on {tested}, the federated model reaches"
            f" {figure('AUC', overall.auc)} and {figure('accuracy', overall.accuracy)}."
        )
    return (
        f"{who} learned one model together{on}, in {rounds} and"
        f" {duration(record.run.seconds)}; on {tested} it reaches {figure('AUC', overall.auc)}"
        f" and {figure('accuracy', overall.accuracy)}."
    )


def figure(name: str, estimate: Estimate) -> str:
    """Return a figure and its interval in words."""
    if estimate.value is None:
        return f"no {name} ({estimate.note})"
    return f"{name} {decimal(estimate.value, 2)} {between(estimate, 2)}".rstrip()


def against_pooled(findings: Findings) -> str:
    """Say how far the result is from one model on all records in one place."""
    pooled = findings.model("pooled")
    if pooled is None:
        return f"A model on all records in one place was {findings.record.pooled_note}."
    gap = findings.against["pooled"].difference
    if gap.value is None:
        return f"A model on all records in one place has {figure('AUC', pooled.overall.auc)}."
    digits = 3
    return (
        "Training on all records in one place reaches"
        f" AUC {decimal(pooled.overall.auc.value, 2)}: federated minus pooled is"
        f" {signed(gap.value, digits)} {between(gap, digits, sign=True)}."
    ).replace(" .", ".")


def at_home(findings: Findings) -> str:
    """Say what the verdict is, in the report of one hospital."""
    unit, word = findings.record.study.unit, findings.verdicts[0].word
    return f"Against the model that it could train alone, on its own test {unit}s: {word}."


def worth_it(findings: Findings) -> str:
    """Say what the verdicts are, all hospitals in one sentence."""
    heard = _heard(findings)
    if findings.heard is not None and not heard:
        return findings.heard.why
    total = spelled(heard.total())
    better, keep = heard["federated better"], heard["keep your local model"]
    for_better = f"the federated model is better for {spelled(better)} of {total}"
    for_local = f"{spelled(keep)} of {total} should keep the local model"
    parts = [said for said, number in ((for_better, better), (for_local, keep)) if number]
    if not parts:
        each = "either" if total == "two" else "any"
        parts.append(f"no difference was shown for {each} of the {total}")
    elif heard["no difference shown"]:
        parts.append(f"for {spelled(heard['no difference shown'])} no difference was shown")
    equal, open_ = heard["no worse than local"], heard["cannot tell"]
    if equal or open_:
        parts = [part for part in parts if not part.startswith("no difference")]
    if equal:
        parts.append(f"for {spelled(equal)} it is no worse")
    if open_:
        parts.append(f"for {spelled(open_)} there are too few test units to tell")
    return (
        "Against the model that each hospital could train alone, on its own test"
        f" {findings.record.study.unit}s, {'; '.join(parts)}."
    )


def _heard(findings: Findings) -> Counter[Word]:
    """Return hospitals by verdict, as far as verdicts are known."""
    if findings.heard is not None:
        return Counter[Word](findings.heard.words)
    return Counter[Word](verdict.word for verdict in findings.verdicts)

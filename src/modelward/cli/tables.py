"""A finished simulation as one JSON object, or as a table for a terminal."""

from collections.abc import Sequence
from statistics import median
from textwrap import fill
from typing import Any

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.simulation.data_check import errors, warnings
from modelward.simulation.simulate import Result


def as_object(result: Result) -> dict[str, Any]:
    """Return what `--json` prints for one study.

    `federated`, `pooled` and `local` are AUCs on the test units of all sites; `accuracy`
    holds the same models' accuracy; `verdict` is each site's word on its own test units.
    """
    found = result.findings
    sites = found.record.sites
    ledgers = [site.ledger for site in sites if site.ledger is not None]
    pooled = found.model("pooled")
    return {
        "id": result.study.id,
        "sites": [site.name for site in sites],
        "rounds": len(result.outcome.history),
        "seconds": round(result.outcome.seconds, 3),
        "metric": "auc",
        "federated": found.federated.overall.auc.value,
        "pooled": pooled.overall.auc.value if pooled else None,
        "local": _local(found, "auc"),
        "accuracy": {
            "federated": found.federated.overall.accuracy.value,
            "pooled": pooled.overall.accuracy.value if pooled else None,
            "local": _local(found, "accuracy"),
        },
        "variants": {
            model.name: {
                "auc": model.overall.auc.value,
                "accuracy": model.overall.accuracy.value,
            }
            for model in found.models
            if model.name not in {"federated", "pooled"} and ":" not in model.name
        },
        "verdict": {verdict.site: verdict.word for verdict in found.verdicts},
        "model_sha256": result.outcome.sha256,
        "ledger": {
            "path": str(result.folder / "sites"),
            "entries": sum(ledger.entries for ledger in ledgers),
            "verified": len(ledgers) == len(sites) and all(each.verified for each in ledgers),
        },
        "report": str(result.report),
    }


def wire_figures(results: Sequence[Result]) -> dict[str, Any]:
    """Return `{"wire": ...}` over all results, or nothing if there was no wire."""
    carried = [result.wire for result in results if result.wire is not None]
    if not carried:
        return {}
    return {
        "wire": {
            "round_ms_median": round(median(ms for each in carried for ms in each.round_ms), 1),
            "bytes_up": sum(each.bytes_up for each in carried),
            "bytes_down": sum(each.bytes_down for each in carried),
        }
    }


def summary(result: Result) -> str:
    """Return the result as a table of at most 80 columns, with where to read on."""
    found = result.findings
    record = found.record
    whom = f"test {record.study.unit}s of all hospitals"
    kind = "simulated hospitals" if record.simulated_sites else "hospitals"
    rows = [
        f"{record.label(model.name):<34}{_cell(model.overall.auc):<24}"
        f"{_cell(model.overall.accuracy)}"
        for model in found.models
    ]
    entries = sum(site.ledger.entries for site in record.sites if site.ledger)
    first = result.folder / "sites" / record.sites[0].name / "ledger"
    whole = all(site.ledger is not None and site.ledger.verified for site in record.sites)
    state = "all verified" if whole else "NOT ALL VERIFIED"
    return "\n".join(
        [
            "",
            f"{result.study.id}: {len(record.sites)} {kind}, "
            f"{len(result.outcome.history)} rounds, {result.outcome.seconds:.1f} s",
            "",
            f"{whom:<34}{'AUC (95 % interval)':<24}accuracy",
            *rows,
            "",
            *(f"{verdict.site:<14}{verdict.word}" for verdict in found.verdicts),
            "",
            *_looked_at(record.notes, record.apart),
            *_at_a_site(record.notes),
            f"ledgers  {entries} entries, {state}; check one yourself:",
            f"         modelward ledger verify {first}",
            f"model    sha256 {result.outcome.sha256}",
            f"report   {result.report}",
        ]
    )


def _looked_at(notes: Sequence[str], apart: Sequence[str]) -> list[str]:
    """Return what the data check warns of, and who is in no round; nothing if all is well."""
    said = [fill(each, 80, subsequent_indent="    ") for each in warnings(notes)]
    said += [
        f"{site}: in no round of the model, as its gate released nothing" for site in apart
    ]
    return [*said, ""] if said else []


def _at_a_site(notes: Sequence[str]) -> list[str]:
    """Return what a real site would have been refused for; nothing if all is well."""
    told = [fill(each, 80, subsequent_indent="    ") for each in errors(notes)]
    last = "A site with such data is NOT READY and takes part in nothing."
    return [*told, last, ""] if told else []


def _local(found: Findings, metric: str) -> dict[str, float | None]:
    """Return every site's own model on the test units of all sites; None if it has none."""
    values: dict[str, float | None] = {}
    for site in found.record.sites:
        model = found.model(f"local:{site.name}")
        values[site.name] = getattr(model.overall, metric).value if model else None
    return values


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not defined"
    if estimate.interval is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.interval.low:.3f}, {estimate.interval.high:.3f}]"

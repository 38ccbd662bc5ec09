"""All that a report needs, as numbers and sentences; no rows of patients.

`find` turns predictions and the record of a run into `Findings`; `to_json` and `from_json`
put them on disk and back (docs/formats/findings.md). How they look on a page is
report/page.py's business.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from modelward.core.canonical import parse_strict
from modelward.errors import BadArtifact, DataError
from modelward.evaluate.comparing.bound_cost import BoundCost
from modelward.evaluate.comparing.choice import Choice
from modelward.evaluate.comparing.compare import Comparison, compare
from modelward.evaluate.comparing.verdict import Verdict, held_to, verdict
from modelward.evaluate.comparing.weakness import no_model_alone
from modelward.evaluate.facts.leaked import Leaked
from modelward.evaluate.facts.record import Record, SiteFacts
from modelward.evaluate.judged import Evaluation, Judged
from modelward.evaluate.judging import judge_all
from modelward.evaluate.measures.beyond import Beyond
from modelward.evaluate.measures.intervals import DRAWS, generator
from modelward.evaluate.measures.scores import ModelFindings
from modelward.evaluate.piece import Aside, in_turn
from modelward.evaluate.predictions import Predictions, require_pairs, union
from modelward.evaluate.told.heard import Heard

Format = Literal["modelward-findings/1"]

FORMAT: Format = "modelward-findings/1"
"""Name and version of the layout that `to_json` writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a study found.

    Attributes:
        format: Name and version of this layout.
        record: The facts of the run.
        models: `federated` first, then `pooled` if there is one, variants, local models.
        verdicts: One per site, in the order of the record; none where no verdict is shown.
        heard: What is known of them then; None, and no part of the file, otherwise.
        choices: What each site should use, where several models were held to its validation
            units; empty where none were, and then no part of the file.
        beyond: Grades or masks of every model; empty where the outcome is yes or no, and then
            no part of the file.
        evaluation: What is asked beyond the figures of every model; None, and no part of the
            file, where nobody asked.
        bound: What differential privacy costs beside the same study without; None, and no part
            of the file, where that was not trained.
        leaked: What an audit showed; None, and no part of the file, where there was none.
        against: For every other model, federated minus that model in AUC on the test units
            of all sites together.
    """

    format: Format = FORMAT
    record: Record
    models: tuple[ModelFindings, ...]
    verdicts: tuple[Verdict, ...]
    against: dict[str, Comparison]
    heard: Heard | None = None
    choices: tuple[Choice, ...] = ()
    beyond: tuple[Beyond, ...] = ()
    evaluation: Evaluation | None = None
    bound: BoundCost | None = None
    leaked: Leaked | None = None

    def model(self, name: str) -> ModelFindings | None:
        """Return the findings on one model, or None if it was not judged."""
        return next((model for model in self.models if model.name == name), None)

    @property
    def federated(self) -> ModelFindings:
        """The findings on the federated model, which is always there."""
        return self.models[0]

    def to_json(self) -> str:
        """Return the findings as indented JSON, keys in a fixed order."""
        plain = _plain(self)
        return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @staticmethod
    def from_json(raw: str | bytes) -> "Findings":
        """Read findings back; the inverse of `to_json`.

        Raises:
            BadArtifact: If it is not strict JSON or not of this format; a key that this
                version does not know is refused as well.
        """
        data = raw.encode() if isinstance(raw, str) else raw
        plain = parse_strict(data, what="findings file")
        try:
            found = _LAYOUT.validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise not_findings(f"{where}: {first['msg']}") from error
        if _plain(found) != plain:
            raise not_findings("it has keys that this version does not know")
        return found


def not_findings(why: str) -> BadArtifact:
    """Return the error for JSON that is not of this format."""
    return BadArtifact(
        f"the findings file is not {FORMAT}: {why}",
        why="a report drawn from half-understood findings would mislead",
        remedy="write the report again with the version of modelward that reads it",
    )


_LAYOUT = TypeAdapter(Findings)


def _plain(findings: Findings) -> dict[str, Any]:
    """Return the findings as JSON has them."""
    plain: dict[str, Any] = _LAYOUT.dump_python(findings, mode="json")
    _drop_empty(plain, "heard", "choices", "beyond", "evaluation", "bound", "leaked")
    _drop_empty(plain["record"], "apart")
    for scores in _of_patients(plain):
        _drop_empty(scores, "patients")
    if "evaluation" in plain:
        _drop_empty(plain["evaluation"], "coarser", "family", "chosen")
        for share in plain["evaluation"]["shares"]:
            _drop_empty(share, "same_as", "repeats")
    return plain


def _of_patients(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts that may say whose units they are."""
    for model in plain["models"]:
        yield from (model["overall"], *model["by_site"])
    yield from plain["verdicts"]
    yield from plain["record"]["sites"]
    yield from plain.get("beyond", ())
    yield from plain.get("evaluation", {}).get("groups", ())


def _drop_empty(part: dict[str, Any], *names: str) -> None:
    """Take out of a part those of these keys that hold nothing: they are not in the file."""
    for name in names:
        if not part[name]:
            del part[name]


def find(
    predictions: Judged,
    record: Record,
    *,
    seed: int,
    draws: int = DRAWS,
    margin: float | None = None,
    aside: Aside = in_turn,
) -> Findings:
    """Judge every model on everybody and site by site, and give each site its verdict.

    Args:
        predictions: Must hold `federated`; may hold `pooled`, `local:SITE` and variants,
            each on the test units of every site of the record. A site without a
            `local:SITE` is compared with the share of positives of its training units.
        record: The facts of the run.
        seed: Of the bootstrap; the same seed gives the same findings.
        draws: Resamples behind each bootstrap interval.
        margin: Loss against a local model that the study's sites would still accept.
        aside: Works the pieces of it; changes no bit.

    Raises:
        DataError: If the federated model or a site is missing, two models were judged on
            different units, or a site has neither a local model nor training counts.
    """
    require_complete(predictions, record)
    order = ["federated", *(name for name in ("pooled",) if name in predictions)]
    order += [name for name in predictions if name not in order]
    order.sort(key=lambda name: name.startswith("local:"))  # stable: local models come last
    sites, unit = [site.name for site in record.sites], record.study.unit
    models = judge_all(predictions, order, sites, seed=seed, draws=draws, aside=aside)
    verdicts = tuple(
        site_verdict(site, predictions, (unit, margin), generator(seed, site.name), draws)
        for site in record.sites
    )
    everyone = {name: union([predictions[name][site] for site in sites]) for name in order}
    against = {
        name: compare("auc", everyone["federated"], everyone[name], np.random.default_rng(seed))
        for name in order[1:]
    }
    return Findings(record=record, models=models, verdicts=verdicts, against=against)


def site_verdict(
    site: SiteFacts,
    predictions: Judged,
    terms: tuple[str, float | None],
    rng: np.random.Generator,
    draws: int,
) -> Verdict:
    """Return one site's verdict; a site whose training units are all alike is told so.

    `terms` are who is counted, and the margin.
    """
    unit, margin = terms
    federated = predictions["federated"][site.name]
    own = predictions.get(f"local:{site.name}")
    local = own[site.name] if own else only_the_share(site, federated)
    judged = held_to(
        verdict(site.name, federated, local, unit=unit, rng=rng, draws=draws), margin
    )
    if site.train_positives not in {0, site.train}:
        return judged
    which = "have" if site.train_positives else "do not have"
    return replace(judged, reason=f"{no_model_alone(unit, which)} {judged.reason}".strip())


def only_the_share(site: SiteFacts, federated: Predictions) -> Predictions:
    """Return what a site without a model of its own can predict: its share of positives.

    Raises:
        DataError: If the training counts are not known.
    """
    if not site.train or site.train_positives is None:
        raise DataError(
            f"{site.name} has neither a local model nor training counts",
            why="the verdict compares with what the site could do alone",
            remedy=f"pass predictions for local:{site.name}, or its training counts",
        )
    share = site.train_positives / site.train
    return replace(federated, probability=np.full(len(federated), share))


def require_complete(predictions: Judged, record: Record) -> None:
    """Check that every model was judged on the same units of every site.

    Raises:
        DataError: If not.
    """
    sites = [site.name for site in record.sites]
    for name in ("federated", *predictions):
        missing = [site for site in sites if site not in predictions.get(name, {})]
        if missing:
            raise DataError(
                f"there are no predictions of {name} for {', '.join(missing)}",
                why="every model is judged on the test units of every site",
                remedy="predict with each model on each site's test units",
            )
        for site in sites:
            require_pairs(predictions["federated"][site], predictions[name][site])

"""The facts of a run that a report repeats and does not compute.

Whoever ran the study fills these in: the hub from its registry, the simulation from what it
did. They hold counts, hashes and sentences, no rows.
"""

from dataclasses import dataclass, field
from typing import Literal

from modelward.core.study import Study
from modelward.evaluate.facts.deviation import Deviation
from modelward.evaluate.patients import Patients

NO_PRIVACY = (
    "No differential privacy was applied. Updates can leak information about the records "
    "they were computed from; how much was not measured in this run."
)
"""What must be said where nothing else is true."""

LEAKAGE = "Leakage card."
"""First words of what an audit adds to the privacy of a run."""

NOT_POOLED = "not computed: records stay at the sites"
"""What stands in the place of the pooled model where there is none."""

Unit = Literal["patient", "encounter", "image"]
"""Who is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """The terms, as far as a reader of the report needs them.

    Attributes:
        id: The study's short name.
        version: Version of its terms.
        purpose: The question, in one sentence.
        outcome: Name of what is predicted.
        unit: Who is counted.
        sha256: Hash of the whole study, 64 hex digits.
        recipe: What is trained, in words, such as "logistic 1".
        strategy: How it is trained, in words, such as "exact Newton steps".
        seed: The published seed.
        legal_basis: As in the study; "" if it names none.
        contact: As in the study; "" if it names none.
    """

    id: str
    version: int
    purpose: str
    outcome: str
    unit: Unit
    sha256: str
    recipe: str
    strategy: str
    seed: int
    legal_basis: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """Where the record of one site's gate is, and whether it verifies.

    Attributes:
        path: Of the ledger, as a reader of the report would type it.
        entries: Number of entries.
        root: RFC 9162 tree head, 64 hex digits.
        verified: Whether it verified against its signed checkpoint when this was written.
        key: Path of the public key to verify it with.
        seen: Entries under the last checkpoint that a majority of its witnesses cosigned.
        cosigned: How many of them did.
        witnesses: How many there are; 0 if nobody witnesses this ledger.
    """

    path: str
    entries: int
    root: str
    verified: bool
    key: str = "KEYFILE"
    seen: int = 0
    cosigned: int = 0
    witnesses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """One site.

    Attributes:
        name: As in the study.
        title: As a reader knows it; the name if "".
        train: Training units; None if too few to be shown.
        train_positives: Those whose outcome happened; None if too few to be shown.
        releases: Artifacts that passed the gate.
        refusals: Artifacts the gate kept back.
        bytes_out: Bytes of all releases together.
        ledger: The record of its gate; None if there is none to show.
        patients: Whose training units these are, where a patient has several; None, and no
            part of the file, otherwise, or where they are not known or too few to be shown.
    """

    name: str
    train: int | None
    train_positives: int | None
    title: str = ""
    releases: int = 0
    refusals: int = 0
    bytes_out: int = 0
    ledger: LedgerFacts | None = None
    patients: Patients | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A validation metric, round by round.

    Attributes:
        model: Which model, by the name used for its predictions.
        metric: What was measured, in words, such as "validation AUC".
        values: One per round, from round 1; None where it was not measured.
    """

    model: str
    metric: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What happened.

    Attributes:
        rounds: Rounds that were run.
        seconds: Wall time.
        model_sha256: Hash of the final model's bytes, 64 hex digits.
        ended: Why it stopped, in words, such as "all 20 rounds were run".
        scaling: Where the scaling of the inputs comes from, in words.
        numeric_path: Which code computed it, such as "numpy float64, 2 workers".
        versions: Package name to version.
        curves: Validation by round; empty if nothing was validated.
        deviations: Site to how far its updates lay from the others; empty where the hub does
            not look at updates one by one.
    """

    rounds: int
    seconds: float
    model_sha256: str
    ended: str = ""
    scaling: str = ""
    numeric_path: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    deviations: dict[str, Deviation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure from the literature to hold ours against.

    Attributes:
        name: Of the model or method.
        metric: `auc` or `accuracy`.
        value: As published.
        source: Where, so that a reader can find it.
    """

    name: str
    metric: Literal["auc", "accuracy"]
    value: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything a report repeats.

    Attributes:
        study: The terms.
        sites: In the order they are shown.
        run: What happened.
        simulated_sites: True if the sites are made up by splitting one data set.
        in_one_process: True if one machine held the records of all sites, as in a demo.
        data_source: Where the records come from, in words.
        licence: Of the data; "" if not applicable.
        labels: Name of a model variant to words for it, such as {"fedavg": "FedAvg, SGD"}.
        published: Figures from the literature.
        notes: Sentences a reader should know.
        alarms: What witnesses found wrong with a ledger, a sentence each; settled ones too.
        privacy: What was done for privacy, and what was not, in words.
        pooled_note: What to say if there is no pooled model.
        apart: Sites that are judged, and whose answers are in no round of the model; no part
            of the file where there are none.
    """

    study: StudyFacts
    sites: tuple[SiteFacts, ...]
    run: RunFacts
    simulated_sites: bool
    in_one_process: bool
    data_source: str = ""
    licence: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    privacy: str = NO_PRIVACY
    pooled_note: str = NOT_POOLED
    apart: tuple[str, ...] = ()

    def title(self, site: str) -> str:
        """Return the name under which readers know `site`."""
        for one in self.sites:
            if one.name == site:
                return one.title or one.name
        return site

    def label(self, model: str) -> str:
        """Return words for a model: `local:basel` becomes "Basel alone"."""
        if model.startswith("local:"):
            return f"{self.title(model.removeprefix('local:'))} alone"
        if model == "own":
            return "Each hospital's own"
        return self.labels.get(model, model.capitalize())


def facts_of(study: Study, strategy: str) -> StudyFacts:
    """Return the terms of a study, as a report repeats them; `strategy` says how it went."""
    about = study.study
    return StudyFacts(
        id=about.id,
        version=about.version,
        purpose=about.purpose,
        outcome=study.target_name,
        unit=about.unit,
        sha256=study.sha256,
        recipe=f"{study.recipe.name} {study.recipe.version}",
        strategy=strategy,
        seed=study.plan.seed,
        legal_basis=about.legal_basis,
        contact=about.contact,
    )

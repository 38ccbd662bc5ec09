"""The signed agreement: what is learnt, from whom, how, and when it stops.

A `Study` is the parsed form of `study.toml` (docs/formats/study.md). It is frozen, valid
from birth, and identified by the SHA-256 of its canonical JSON, so two parties that name
the same hash mean the same study. Reading the file, and explaining what is wrong with one,
is study/read.py's business. What is measured of whom is in features.py and cohort.py.

Every field here does something today. Keys that a later release will understand are
refused until then, because a term that is signed and ignored is worse than none.

A key that a later release adds is optional and None where it is absent, and what is None is
left out of the canonical form. So a study keeps its hash, and a hub and a site one release
apart still mean the same by it (docs/decisions/0017-absent-keys-are-absent.md).
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from modelward.core.canonical import canonical_hash
from modelward.core.cohort import Cohort
from modelward.core.features import Feature, ImageFeature
from modelward.core.judging import EvaluationTerms
from modelward.core.reporting import Reporting
from modelward.core.sequences import SequenceFeature
from modelward.core.sharing import Sharing
from modelward.core.targets import Outcome
from modelward.core.terms import Count, Finite, Name, Positive
from modelward.core.terms import Part as _Part
from modelward.core.training import Buffer, LocalTraining, Personal, Uplink


class About(_Part):
    """`[study]`: what this is and who is counted."""

    id: Name = Field(description="Short name, used in folders and reports.")
    version: Count = Field(default=1, description="Counted up with every change of the terms.")
    purpose: str = Field(min_length=1, description="The question, in one sentence.")
    legal_basis: str = Field(
        default="", description="Such as 'GDPR Art. 9(2)(j), ethics 24-117'."
    )
    contact: str = Field(default="", description="Who answers questions of a hospital.")
    unit: Literal["patient", "encounter", "image"] = Field(
        default="patient", description="Who is counted, weighted and split."
    )
    min_patients: Count = Field(
        default=20, description="A site with fewer units in training sits out."
    )


class RecipeChoice(_Part):
    """`[recipe]`: what is trained, by the name and version installed at the sites."""

    name: Name = Field(description="Such as 'logistic', 'mlp' or 'cnn'.")
    version: Count = Field(default=1, description="Another version may give other numbers.")
    options: dict[str, bool | int | float | str | tuple[int, ...]] = Field(
        default_factory=dict, description="The recipe's own; every one has a default."
    )


class ServerOptimiser(_Part):
    """`[plan.server]`: what the hub does with the combined update."""

    name: Literal["none", "momentum", "adam", "yogi", "adagrad"] = Field(
        default="none",
        description="The mean update as it is, FedAvgM, FedAdam, FedYogi, or FedAdagrad.",
    )
    lr: Positive = Field(default=1.0, description="Learning rate of the hub.")
    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="Also beta1 of the three others."
    )
    beta2: float = Field(default=0.99, ge=0, lt=1, description="Adam and Yogi only.")
    epsilon: Positive = Field(
        default=1e-3, description="Not momentum (Reddi et al. 2021, tau)."
    )


class Robust(_Part):
    """`[plan.robust]`: a rule in place of the mean, against a few wrong sites."""

    rule: Literal[
        "mean", "median", "trimmed-mean", "geometric-median", "multi-krum", "centred-clipping"
    ] = Field(default="trimmed-mean", description="What is made of the updates.")
    mixing: bool = Field(
        default=True, description="Average each update with its nearest ones first (NNM)."
    )
    byzantine: int = Field(
        default=1, ge=0, le=2**15, description="Wrong sites to withstand; under half of them."
    )
    clipping: bool | None = Field(
        default=None,
        description="Shorten the longest updates to the next one's length first (ARC), so that "
        "no length decides; not done if absent.",
    )


Strategy = Literal[
    "fedavg", "newton", "scaffold", "fednova", "feddyn", "cyclic", "fedbuff", "sums", "boosting"
]
"""How the answers of a round become the next model."""


class Plan(_Part):
    """`[plan]`: how training goes."""

    strategy: Strategy = Field(
        default="fedavg",
        description="Averaged local training; exact Newton (logistic); averages corrected for "
        "drift, for unequal steps, or for unequal optima; one site after the other; steps by "
        "whoever has answered; sums, for statistical recipes; or trees from summed histograms.",
    )
    rounds: Count = Field(default=20, description="At most.")
    local_epochs: Count = Field(
        default=1, description="Passes over the site's own training data."
    )
    batch: Count = Field(default=32, description="Units per local step.")
    lr: Positive = Field(default=0.05, description="Local learning rate of round 1.")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Local; restarts each round.")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="How the local learning rate falls over the rounds."
    )
    label_skew: Literal["none", "logit-adjustment", "class-weights"] = Field(
        default="none",
        description="Correct for a site's own share of positives: by its log odds (Menon "
        "2021), or by weights under which both outcomes count alike.",
    )
    server: ServerOptimiser = Field(
        default_factory=ServerOptimiser, description="See `[plan.server]`."
    )
    robust: Robust | None = Field(default=None, description="See `[plan.robust]`.")
    buffer: Buffer | None = Field(default=None, description="See `[plan.buffer]`.")
    local: LocalTraining | None = Field(default=None, description="See `[plan.local]`.")
    personal: Personal | None = Field(default=None, description="See `[plan.personal]`.")
    uplink: Uplink | None = Field(default=None, description="See `[plan.uplink]`.")
    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="Of the start and the batches; public."
    )
    validation: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        description="Share of a site's units held back to choose by; of its training units "
        "where the data name their test units.",
    )
    test: float = Field(
        default=0.2, ge=0, lt=0.9, description="Share held back for the report."
    )
    quorum: Count | None = Field(
        default=None,
        description="Releases a round needs; every site that has not refused if absent.",
    )
    deadline_s: Positive | None = Field(
        default=None, description="Seconds a round waits for a silent site; for ever if absent."
    )


class Stop(_Part):
    """`[stop]`: when a study is done before its rounds are used up."""

    metric: Literal["auc", "accuracy", "loss"] | None = Field(
        default=None,
        description="Watched on the validation units of all sites together: the best round is "
        "kept. `loss` is the one to start with (docs/statistics.md).",
    )
    target: Finite | None = Field(default=None, description="Stop when the metric gets here.")
    patience: Count | None = Field(default=None, description="Rounds without a better value.")
    tolerance: Positive = Field(
        default=1e-10, description="Newton: stop when no coefficient moves further than this."
    )

    @model_validator(mode="after")
    def _something_to_watch(self) -> Self:
        if self.metric is None and (self.target is not None or self.patience is not None):
            raise ValueError("target and patience need a metric")
        return self


Unit = Literal["patient", "encounter", "image"]
"""Who is counted, or whom a privacy bound holds for."""


class DifferentialPrivacy(_Part):
    """`[privacy.dp]`: a bound on what all rounds together tell about one unit at one site.

    Under it a local step takes every unit with probability `sampling`, `plan.local_epochs`
    is the number of times that a unit is taken in a round on average, and `plan.batch` is
    not used. The number of units of a site is public; docs/privacy.md says what is not.
    """

    epsilon: Positive = Field(description="Most that a site may tell about one unit.")
    delta: float = Field(
        default=1e-5, gt=0, lt=1e-2, description="Probability that the bound does not hold."
    )
    unit: Unit = Field(
        default="patient", description="Whom the bound holds for, with all of their rows."
    )
    clip: Positive = Field(
        default=1.0, description="L2 norm that one unit's gradient in one step is clipped to."
    )
    sampling: float = Field(
        default=0.1, gt=0, le=1, description="Probability that a unit is in a step."
    )
    scaling: Literal["ranges", "noised"] = Field(
        default="ranges",
        description="z-scores from noised statistics, or the features' ranges, which are free.",
    )


class Privacy(_Part):
    """`[privacy]`: bounds on what one site can say."""

    clip: Positive = Field(
        default=10.0,
        le=64.0,
        description="L2 norm an update is scaled down to, and checked against.",
    )
    dp: DifferentialPrivacy | None = Field(
        default=None, description="See `[privacy.dp]`; no differential privacy if absent."
    )
    aggregation: Literal["secagg", "grouped"] | None = Field(
        default=None,
        description="The hub sees one sum (`secagg`), sums over groups of four sites or more "
        "(`grouped`), or every answer if absent.",
    )


class Sites(_Part):
    """`[sites]`: who takes part."""

    names: tuple[Name, ...] = Field(
        default=(), description="Who takes part, and nobody else; all there are if empty."
    )
    minimum: Count = Field(default=2, description="Fewer sites than this and nothing starts.")


class Study(_Part):
    """A whole study file.

    Exactly one target, and table features, one image, both of these, or one sequence.
    """

    study: About
    cohort: Cohort = Field(default_factory=Cohort)
    features: dict[Name, Feature] = Field(min_length=1)
    target: dict[Name, Outcome] = Field(min_length=1, max_length=1)
    recipe: RecipeChoice
    plan: Plan = Field(default_factory=Plan)
    stop: Stop = Field(default_factory=Stop)
    privacy: Privacy = Field(default_factory=Privacy)
    sites: Sites = Field(default_factory=Sites)
    sharing: Sharing | None = None
    report: Reporting | None = None
    evaluation: EvaluationTerms | None = None

    @property
    def id(self) -> str:
        """The study's short name."""
        return self.study.id

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON of every term; changes with any change of the study."""
        return canonical_hash(self.model_dump(mode="json"))

    @property
    def target_name(self) -> str:
        """Name of the outcome."""
        return next(iter(self.target))

    @property
    def outcome(self) -> Outcome:
        """What is predicted."""
        return self.target[self.target_name]

    @property
    def image(self) -> tuple[str, ImageFeature] | None:
        """Name and definition of the image feature, or None for a study on tables."""
        for name, feature in self.features.items():
            if isinstance(feature, ImageFeature):
                return name, feature
        return None

    @property
    def sequence(self) -> tuple[str, SequenceFeature] | None:
        """Name and definition of the sequence feature, or None for a study without one."""
        for name, feature in self.features.items():
            if isinstance(feature, SequenceFeature):
                return name, feature
        return None

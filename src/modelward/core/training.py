"""Optional tables of `[plan]`: how a site steps, and what it keeps to itself.

Every one is absent unless written, and leaves no trace in a study's hash then
(docs/decisions/0017-absent-keys-are-absent.md).
"""

from typing import Literal

from pydantic import Field

from modelward.core.terms import Count, Part, Positive


class LocalTraining(Part):
    """`[plan.local]`: what a site's own steps do beside going downhill."""

    steps: Count | None = Field(
        default=None,
        description="Steps of a round at every site, in place of plan.local_epochs.",
    )
    proximal: Positive | None = Field(
        default=None,
        description="Pull back to the model of the round (FedProx's mu, Li et al. 2020).",
    )
    sharpness: Positive | None = Field(
        default=None,
        description="Length of the climb before each step (SAM's rho, Foret et al. 2021).",
    )
    alpha: Positive | None = Field(
        default=None, description="FedDyn's alpha; 0.01 if absent (Acar et al. 2021)."
    )
    memory: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="How much of its last answer a site's next one keeps (momentum at the "
        "sites, Karimireddy et al. 2021); nothing if absent.",
    )


class Personal(Part):
    """`[plan.personal]`: a model of each site's own beside or within the common one.

    What is a site's own is trained there, kept there, and sent to nobody.
    """

    kind: Literal["fine-tune", "ditto", "apfl", "head", "head-first", "norms"] = Field(
        description="The common model trained on for each site, with held-out stopping; a "
        "second model pulled to it (Ditto, Li et al. 2021) or mixed with it (APFL, Deng et al. "
        "2020); or the last layer (FedPer, Arivazhagan et al. 2019; FedRep, Collins et al. "
        "2021) or the normalisation (FedBN, Li et al. 2021) of its own."
    )
    epochs: Count | None = Field(
        default=None,
        description="Passes over the site's own part in a round, 1 if absent; for fine-tune, "
        "at most, after the last round, 10 if absent.",
    )
    pull: Positive | None = Field(default=None, description="Ditto's lambda; 0.1 if absent.")
    mix: float | None = Field(
        default=None, gt=0, le=1, description="APFL's alpha before round 1; 0.5 if absent."
    )


LEVELS = {"int8": 127, "int4": 7}
"""Steps each way of a code, from 0 to the largest value, where a study does not say."""


class Uplink(Part):
    """`[plan.uplink]`: how an update leaves in fewer bytes, once the gate has judged it.

    In the open each site's steps are as long as its own values ask for. Behind masks steps are
    added before anybody sees them, so one grid holds for all sites: `range` and `max_patients`
    fix it, and are read there alone.
    """

    codec: Literal["bf16", "int8", "int4", "top-k"] = Field(
        description="Half the bits of each value, 8 or 4 bits rounded at random, or the "
        "largest values, with what is left out added to the next update."
    )
    share: float | None = Field(
        default=None, gt=0, le=0.5, description="top-k: of values that are sent; 0.1 if absent."
    )
    packed: bool | None = Field(default=None, description="Pack the bytes (DEFLATE).")
    levels: int | None = Field(
        default=None,
        ge=1,
        le=127,
        description="int8: steps each way from 0 to the largest value, 127 if absent; fewer "
        "make shorter packed answers, and behind masks shorter words.",
    )
    range: Positive | None = Field(
        default=None,
        le=64.0,
        description="Behind masks: the largest value that a step is made of, the same for all "
        "sites; what is beyond is cut to it, and counted.",
    )
    max_patients: int | None = Field(
        default=None,
        ge=1,
        le=2**25,
        description="Behind masks: the most units that a site may count for; one with more "
        "refuses. The range is for so many: steps are longer for sites with fewer.",
    )

    @property
    def steps(self) -> int:
        """Steps each way of int8 and int4; 0 of the other codes."""
        return self.levels or LEVELS.get(self.codec, 0)


class Buffer(Part):
    """`[plan.buffer]`: how many answers make a step where sites answer at their own pace."""

    size: Count = Field(description="Answers that make one step of the hub (FedBuff's K).")
    exponent: float | None = Field(
        default=None,
        ge=0,
        le=4,
        description="An answer that is s steps late counts (1 + s)^-exponent; 0.5 if absent "
        "(Nguyen et al. 2022), 0 for as much as any other.",
    )

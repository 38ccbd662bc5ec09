"""`[report]`: what each site tells of its test units when a study has ended, for the report.

Under differential privacy it tells noised counts, behind masks it adds to sums; what then is
not told at all, and why, is in docs/statistics.md.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from modelward.core.terms import Part


class Reporting(Part):
    """`[report]`: each site compares with a model of its own, and tells this much of it.

    The site's own model stays there. Counts are made coarser by the site's smallest cell, or
    noised; under differential privacy no model of its own is trained.
    """

    bins: int = Field(
        default=100,
        ge=2,
        le=256,
        description="Equal bins of predicted probability in which test units are counted, by "
        "outcome, for the federated and for the site's own model; 16 of them at most under "
        "differential privacy.",
    )
    decimals: Literal[2, 3, 4] = Field(
        default=3, description="Decimals to which the figures of a site are rounded."
    )
    groups: Literal[True] | None = Field(
        default=None,
        description="Tell figures in the groups of `[evaluation]` as well; not told if absent.",
    )

    @model_validator(mode="after")
    def _half_is_an_edge(self) -> Self:
        if self.bins % 2:
            raise ValueError("bins must be even: a threshold of one half lies between two")
        return self

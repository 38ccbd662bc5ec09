"""`[report]`: what each site tells of its test units when a study has ended, for the report."""

from typing import Literal, Self

from pydantic import Field, model_validator

from modelward.core.terms import Part


class Reporting(Part):
    """`[report]`: each site compares with a model of its own, and tells this much of it.

    The site's own model stays there. Counts are made coarser by the site's smallest cell.
    """

    bins: int = Field(
        default=100,
        ge=2,
        le=256,
        description="Equal bins of predicted probability in which test units are counted, by "
        "outcome, for the federated and for the site's own model.",
    )
    decimals: Literal[2, 3, 4] = Field(
        default=3, description="Decimals to which the figures of a site are rounded."
    )

    @model_validator(mode="after")
    def _half_is_an_edge(self) -> Self:
        if self.bins % 2:
            raise ValueError("bins must be even: a threshold of one half lies between two")
        return self

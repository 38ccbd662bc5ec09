"""`[sharing]`: how what comes of a model is to be divided, agreed before anybody trains."""

from typing import Literal

from pydantic import Field

from modelward.core.terms import Part


class Sharing(Part):
    """`[sharing]`: a rule that every site signs with the study.

    What it leads to is computed from the hub's registry and the released updates alone
    (hub/shares.py), so whoever has both computes the same.
    """

    rule: Literal["equal", "patients", "contribution"] = Field(
        description="Alike; by the patients behind the answers that were combined; or by what "
        "a site's updates added to the model."
    )

    @property
    def by_content(self) -> bool:
        """Whether training depends on records alone, so that copies show: by_content.py."""
        return self.rule == "contribution"

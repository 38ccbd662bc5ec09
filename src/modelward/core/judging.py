"""`[evaluation]`: how a result will be judged, agreed before there is one.

A margin, a threshold rule or a list of groups that is chosen when figures are on the table
pleases whoever chooses. So they are terms of the study, signed with it. The table is absent
unless written, and leaves no trace in a study's hash then (decision 0017).
"""

from typing import Literal

from pydantic import Field

from modelward.core.terms import Count, Part, Positive


class WithoutDp(Part):
    """`[evaluation.without_dp]`: the study is trained once more without `[privacy.dp]`.

    In a simulation only, to show what the bound costs in every group; hospitals are not asked.
    Steps without noise may be shorter, so the three keys can differ there.
    """

    lr: Positive | None = Field(
        default=None, description="Local learning rate of that training; plan.lr if absent."
    )
    momentum: float | None = Field(
        default=None, ge=0, lt=1, description="Local momentum; plan.momentum if absent."
    )
    batch: Count | None = Field(
        default=None, description="Units per step; plan.batch if absent."
    )


class EvaluationTerms(Part):
    """`[evaluation]`: groups, margin and threshold, fixed beforehand."""

    groups: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        description="Features whose levels are judged apart: 'sex', or 'age:[18,40,65,110]' "
        "with the edges of bands for a number.",
    )
    margin: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="Loss against the local model that a hospital would still accept, in AUC "
        "(in Brier score where AUC cannot carry a verdict).",
    )
    threshold: Literal["youden", "sensitivity", "specificity"] | None = Field(
        default=None,
        description="Where a probability becomes a yes, chosen on the validation units of all "
        "sites: the best sum of both rates, or at least one of them; 0.5 if absent.",
    )
    at_least: float | None = Field(
        default=None, gt=0, lt=1, description="The rate that `threshold` has to reach."
    )
    without_dp: WithoutDp | None = Field(
        default=None, description="See `[evaluation.without_dp]`."
    )

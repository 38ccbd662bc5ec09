"""Gradient-boosted trees of a yes/no outcome, grown from histograms that are summed over sites.

    round 1     how many units have the outcome; with edges = "quantiles", counts on a fine grid
    rounds 2..  one level of one tree each: units and sums per node, column and bin
                (tree_sums.py) -> the best splits (tree_growth.py)

    log odds    base + sum over the finished trees of the leaf that a unit falls into
    leaf        -rate * G / (H + l2), with G and H the sums of gradient and Hessian of the log
                loss over the units in it

Source: Friedman 2001, Ann. Statist. 29(5), 1189-1232; gain and leaf of second order from Chen
and Guestrin 2016, arXiv:1603.02754, eq. 5 and 7; histograms over bins fixed beforehand as in
their section 3.2. Level by level, every node of a level at once, so a tree takes as many
rounds as it is deep. Nothing is drawn at random.

A missing value is the federated mean before a tree sees it, as for every recipe
(study/scaling.py). A left turn is x <= threshold. All tensors are float64, and thresholds are
in scaled units. numpy only.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs, inputs
from modelward.core.counted import Reading
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.tensors import FlatF32, Schema, Tensors, TensorSpec
from modelward.recipes.analysis import Heard, Named, Observed
from modelward.recipes.recipe import Descent, Labels, LocalModel, Offset, RowGradients
from modelward.recipes.regression.logit import sigmoid
from modelward.recipes.trees import tree_growth, tree_sums
from modelward.recipes.trees.tree_shape import FINE, Shape, margin

BLOCK = 4096
"""Rows predicted at once."""


class Options(BaseModel):
    """`[recipe.options]` of `trees`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    trees: int = Field(default=50, ge=1, le=2000, description="At most.")
    depth: int = Field(default=3, ge=1, le=6, description="Rounds of a tree; splits in a row.")
    bins: int = Field(default=16, ge=2, le=64, description="Of each column.")
    edges: Literal["ranges", "quantiles"] = Field(
        default="ranges",
        description="Bins of equal width over the study's ranges, or of about equally many "
        "units over all sites.",
    )
    rate: float = Field(default=0.1, gt=0, le=1, description="What a tree's answer counts.")
    l2: float = Field(
        default=1.0, ge=0, allow_inf_nan=False, description="Added to the Hessian of a leaf."
    )
    min_gain: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="A split gains more than this."
    )
    min_leaf: int = Field(
        default=20, ge=1, description="Fewest units on each side of a split, over all sites."
    )
    min_cell: int = Field(
        default=10,
        ge=1,
        description="A site shows no cell with fewer units with, or without, the outcome, "
        "unless there are none.",
    )


class Trees:
    """The recipe `trees`, version 1; trained by `strategy = "boosting"` alone."""

    name = "trees"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def faults(self, study: Study) -> list[Fault]:
        """Return what stands between the study's other terms and this recipe: nothing here."""
        del study
        return []

    def schema(self, inputs: Inputs) -> Schema:
        """Return the state: trees, edges, and where growing stands.

        base [1], grown [1], pending [2^depth], edges [columns, bins - 1]; column and threshold
        [trees, 2^depth - 1], nodes level by level, column 0 where a node is not split; leaf
        [trees, 2^depth]. With quantiles also grid [columns, FINE - 1].
        """
        shape, (width,) = self.shape, inputs.shape
        specs = [
            TensorSpec("base", "F64", (1,)),
            TensorSpec("column", "F64", (shape.trees, shape.nodes)),
            TensorSpec("edges", "F64", (width, shape.bins - 1)),
            TensorSpec("grown", "F64", (1,)),
            TensorSpec("leaf", "F64", (shape.trees, shape.leaves)),
            TensorSpec("pending", "F64", (shape.leaves,)),
            TensorSpec("threshold", "F64", (shape.trees, shape.nodes)),
        ]
        if self.options.edges == "quantiles":
            specs.append(TensorSpec("grid", "F64", (width, FINE - 1)))
        return Schema.of(*specs)

    @property
    def shape(self) -> Shape:
        """Sizes of the trees."""
        return Shape(self.options.trees, self.options.depth, self.options.bins)

    def state(self, study: Study) -> Schema:
        """Return what the hub holds from round to round; see recipes/analysis.py."""
        return self.schema(inputs(study))

    def start(
        self,
        inputs: Inputs,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the state before the first round.

        Args:
            inputs: What one example looks like.
            low: Smallest value of each column by the study's ranges, scaled, [columns].
            high: Largest.
        """
        schema = self.schema(inputs)
        flat = np.zeros(schema.size, np.float64)
        named, quantiles = schema.split(flat), self.options.edges == "quantiles"
        cut, cells = ("grid", FINE) if quantiles else ("edges", self.options.bins)
        share = np.arange(1, cells) / cells
        named[cut][:] = low[:, None] + (high - low)[:, None] * share
        return flat

    def asked(self, study: Study) -> Schema:
        """Return what a site answers with: histograms, and counts of the first round."""
        (width,) = inputs(study).shape
        cells = (self.shape.most_nodes, width, self.shape.bins)
        specs = [TensorSpec(name, "F64", cells) for name in tree_sums.HISTOGRAMS]
        specs.append(TensorSpec("outcomes", "F64", (2,)))
        if self.options.edges == "quantiles":
            specs.append(TensorSpec("grid", "F64", (width, FINE)))
        return Schema.of(*specs)

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py."""
        del study
        return tree_sums.reading(answer, units)

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return no column: `counted` lays out every table."""
        del study
        return ()

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's sums; see recipes/analysis.py."""
        del study, held
        return tree_sums.local(self.shape, state, train.x, train.y, self.options.min_cell)

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state after one more round; see recipes/analysis.py."""
        del study
        terms = tree_growth.Terms(
            rate=self.options.rate,
            l2=self.options.l2,
            min_gain=self.options.min_gain,
            min_leaf=self.options.min_leaf,
        )
        return tree_growth.step(self.shape, terms, heard.totals, state)

    def ended(self, state: Tensors) -> str | None:
        """Return why no more trees are grown, or None while they are."""
        finished = self.shape.finished(state)
        if finished == self.shape.trees:
            return f"all {finished} trees are grown"
        if finished and not np.asarray(state["column"])[finished - 1, 0]:
            return f"no split gains anything after {finished - 1} trees"
        return None

    def probabilities(
        self, flat: NDArray[Any], x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return the probability of a yes, [n]; unfinished trees say nothing."""
        state = self.schema(inputs).split(np.asarray(flat, np.float64))
        found = np.empty(len(x), np.float64)
        for start in range(0, len(x), BLOCK):
            rows = np.asarray(x[start : start + BLOCK], np.float64)
            found[start : start + BLOCK] = sigmoid(margin(self.shape, state, rows))
        return found

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Raise: trees start from the scaling of the study; see `start`."""
        del inputs, seed
        raise _not_trained()

    def local_model(
        self,
        flat: FlatF32,
        x: NDArray[Any],
        y: Labels,
        inputs: Inputs,
        descent: Descent,
    ) -> LocalModel:
        """Raise: trees are grown, not trained by steps."""
        del flat, x, y, inputs, descent
        raise _not_trained()

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: Offset
    ) -> RowGradients:
        """Raise: trees are grown, not trained by steps."""
        del flat, x, y, inputs, offset
        raise _not_trained()


def _not_trained() -> AssertionError:
    return AssertionError("study/read.py lets 'trees' pass with strategy = 'boosting' alone")

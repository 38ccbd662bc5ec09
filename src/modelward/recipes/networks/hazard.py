"""A discrete-time survival network on a table: one hazard for every interval of the study.

Gensheimer and Narasimhan 2019, doi:10.7717/peerj.6257 ("flexible" version: the network's last
layer has a logit for each interval, so hazards need not be proportional). The likelihood is
that of the logistic hazard of Kvamme and Borgan 2021, doi:10.1007/s10985-021-09532-6. The study
fixes the intervals, so every hospital means the same by them; losses are sums over patients, so
unlike Cox's partial likelihood they need nobody else's risk set.

With no hidden layer it is a logistic regression in each interval.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.dense import Width, dense, hidden_layers
from modelward.recipes.networks.network import Network


class Options(BaseModel):
    """`[recipe.options]` of `hazard`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    hidden: tuple[Width, ...] = Field(
        default=(32,), max_length=9, description="Units per hidden layer; none if empty."
    )


class Hazard(Network):
    """The recipe `hazard`, version 1."""

    name: ClassVar[str] = "hazard"
    module: ClassVar[str] = "hazard_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from the inputs to the hazards."""
        return hidden_layers(len(self.options.hidden))

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return `hidden1.weight` [units, columns], ... `logit.bias` [intervals].

        Raises:
            DataError: If the inputs are no table.
        """
        if inputs.kind != "table":
            raise DataError(
                f"the inputs are of kind {inputs.kind}",
                why="this network reads one row of numbers for each patient",
                remedy="choose gru or transformer for sequences",
            )
        return dense(self.layers, (*inputs.shape, *self.options.hidden, inputs.levels))

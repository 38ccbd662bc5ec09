"""A small transformer encoder on sequences of events, read at a place of its own.

Vaswani et al. 2017, arXiv:1706.03762, with the normalisation before each part (Xiong et al.
2020, arXiv:2002.04745), which trains by plain descent:

    x <- x + attention(norm1(x))       softmax(Q K^T / sqrt(width / heads)) V, by heads
    x <- x + down(relu(up(norm2(x))))

Before the events of a row stands one learnt vector, `whole`, as in Devlin et al. 2019; the
logit is read there after the last block. So a patient without any event has a prediction,
and nothing is divided by a number of events. No event attends to padding. Order comes from the
events' times (events.py). LayerNorm is over one event at a time; there is no dropout.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.recipes.layers.convolution import norm
from modelward.recipes.layers.dense import dense
from modelward.recipes.networks.events import event_tensors
from modelward.recipes.networks.network import Network


class Options(BaseModel):
    """`[recipe.options]` of `transformer`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    width: int = Field(default=32, ge=1, le=4096, description="Numbers that an event becomes.")
    heads: int = Field(default=4, ge=1, le=256, description="Of attention; they divide width.")
    blocks: int = Field(default=2, ge=1, le=64, description="Attention and layers, each.")
    inner: int = Field(default=64, ge=1, le=16384, description="Units of the layers between.")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads = {self.heads} must divide width, not {self.width}")
        return self


class Transformer(Network):
    """The recipe `transformer`, version 1."""

    name: ClassVar[str] = "transformer"
    module: ClassVar[str] = "transformer_torch"
    linear: ClassVar[frozenset[str]] = frozenset({"time", "look", "tell", "down", "logit"})

    def __init__(self, options: Options) -> None:
        self.options = options

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return the events' tensors, `whole.bias`, the blocks', `norm` and `logit`.

        `block1.look.weight` [3 width, width] holds queries, keys and values in this order.

        Raises:
            DataError: If the inputs are no sequences.
        """
        width = self.options.width
        specs = [*event_tensors(inputs, width), TensorSpec("whole.bias", "F32", (width,))]
        for place in range(1, self.options.blocks + 1):
            specs += self._block(f"block{place}")
        return [*specs, *norm("norm", width), *dense(("logit",), (width, inputs.levels))]

    def _block(self, name: str) -> Iterator[TensorSpec]:
        width, inner = self.options.width, self.options.inner
        yield from norm(f"{name}.norm1", width)
        yield from dense((f"{name}.look",), (width, 3 * width))
        yield from dense((f"{name}.tell",), (width, width))
        yield from norm(f"{name}.norm2", width)
        yield from dense((f"{name}.up", f"{name}.down"), (width, inner, width))

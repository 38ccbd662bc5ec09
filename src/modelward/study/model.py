"""What a trained model is: frozen scaling and parameters, in one bundle.

The scaling travels with the parameters, so whoever predicts with the model applies exactly
the numbers it was trained with. The hash of the bundle is the model's identity.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.core.tensors import NUMPY, FlatF32, Schema, Tensors, TensorSpec
from modelward.recipes.catalogue import analysis, recipe
from modelward.recipes.trees.trees import Trees
from modelward.study.scaling import Scaling


@dataclass(frozen=True, eq=False)
class Model:
    """Parameters of one study at one moment.

    Attributes:
        study: The study it belongs to.
        parameters: All trainable values in schema order, or the state of a statistical recipe;
            float64 for `newton`, `sums` and `boosting`, else float32.
        scaling: Frozen scaling of the columns; None for images.
        control: What SCAFFOLD's hub tells the sites, [size]; None for other strategies.
        kept: What this site kept from its last round (own.py); empty elsewhere, and no part
            of the bundle.
    """

    study: Study
    parameters: NDArray[Any]
    scaling: Scaling | None
    control: FlatF32 | None = None
    kept: Tensors = field(default_factory=dict)

    @cached_property
    def schema(self) -> Schema:
        """Names, types and shapes of the model's bundle."""
        return model_schema(self.study)

    @property
    def tensors(self) -> Tensors:
        """The model's bundle."""
        named = dict(parameter_schema(self.study).split(self.parameters))
        if self.scaling is not None:
            named |= self.scaling.tensors
        if self.control is not None:
            named["control"] = self.control
        return named

    @classmethod
    def from_tensors(cls, study: Study, tensors: Tensors) -> "Model":
        """Return the model held by a bundle of `model_schema(study)`, mapped if that is."""
        schema = parameter_schema(study)
        dtype = NUMPY[schema.specs[0].dtype]
        flat = schema.whole(tensors)
        if flat is None or flat.dtype != dtype:
            parts = [np.asarray(tensors[spec.name], dtype).reshape(-1) for spec in schema]
            flat = np.concatenate(parts)
        scaling = Scaling.from_tensors(tensors) if "scale.center" in tensors else None
        return cls(study, flat, scaling, tensors.get("control"))


def parameter_schema(study: Study) -> Schema:
    """Return the trainable tensors; float64 when Newton's exactness is asked for.

    For statistical recipes, the tensors of their state.
    """
    if study.plan.strategy == "sums":
        return analysis(study.recipe).state(study)
    schema = recipe(study.recipe).schema(inputs(study))
    if study.plan.strategy == "newton":
        return Schema.of(*(TensorSpec(s.name, "F64", s.shape) for s in schema))
    return schema


def model_schema(study: Study) -> Schema:
    """Return the tensors of a whole model: parameters, scaling, and what a hub tells."""
    width = len(columns(study))
    scaling = [TensorSpec(name, "F64", (width,)) for name in Scaling.NAMES] if width else []
    told = [TensorSpec("control", "F32", (parameter_schema(study).size,))]
    if study.plan.strategy != "scaffold":
        told = []
    return Schema.of(*parameter_schema(study), *scaling, *told)


def initial(study: Study, scaling: Scaling | None) -> Model:
    """Return the model of round 1: the recipe's start for the study's seed."""
    if study.plan.strategy == "sums":
        return Model(study, np.zeros(parameter_schema(study).size, np.float64), scaling)
    made = recipe(study.recipe)
    if isinstance(made, Trees) and scaling is not None:
        low, high = scaling.apply(np.array([[c.low, c.high] for c in columns(study)]).T)
        return Model(study, made.start(inputs(study), low, high), scaling)
    start = made.initial(inputs(study), study.plan.seed)
    if study.plan.strategy == "newton":
        return Model(study, np.zeros(start.size, np.float64), scaling)
    control = np.zeros_like(start) if study.plan.strategy == "scaffold" else None
    return Model(study, start, scaling, control)

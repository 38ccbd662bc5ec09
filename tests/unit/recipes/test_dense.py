"""Where networks start: the same bits however they are drawn, and nowhere twice in memory."""

import tracemalloc
from math import prod, sqrt

import numpy as np

from modelward.core.tensors import Schema, TensorSpec
from modelward.recipes.layers.dense import AT_ONCE, network_start
from modelward.recipes.layers.draws import draws


def test_a_start_drawn_in_parts_has_the_bits_of_one_draw():
    schema = Schema.of(
        TensorSpec("hidden1.weight", "F32", (300, 700)),
        TensorSpec("hidden1.bias", "F32", (300,)),
        TensorSpec("logit.weight", "F32", (1, AT_ONCE + 1)),
    )
    for name, values in schema.split(network_start(schema, 7)).items():
        if name.endswith(".bias"):
            assert not values.any()
            continue
        bound = sqrt((3.0 if name == "logit.weight" else 6.0) / prod(values.shape[1:]))
        whole = draws("start", 7, name).uniform(-bound, bound, values.shape)
        assert values.tobytes() == whole.astype(np.float32).tobytes()


def test_the_start_of_a_large_network_takes_its_own_memory_and_little_more():
    schema = Schema.of(TensorSpec("hidden1.weight", "F32", (2048, 2048)))
    tracemalloc.start()
    try:
        network_start(schema, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1.1 * schema.nbytes

"""The kernels of fused_norm.cu against torch's GroupNorm and rectifier in float64.

On a GPU as they are; without one compiled for the CPU, a thread for each of theirs
(tests/kernels.cpp), which shows what they compute and not how fast.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from modelward.recipes.layers import fused_norm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("g++") is None and not torch.cuda.is_available(),
        reason="neither a C++ compiler nor a GPU",
    ),
]

HERE = Path(__file__).parents[2]
NEAR = {torch.float32: 2e-6, torch.bfloat16: 8e-3}
"""Largest difference of what is computed, over the largest value."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[torch.dtype], ctypes.CDLL]:
    """The kernels of a type, compiled once."""
    return cache(lambda dtype: compiled(tmp_path_factory.mktemp("kernels"), dtype))


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def dtype(request, monkeypatch, built):
    """A type, for which the kernels run here."""
    if not torch.cuda.is_available():
        library = built(request.param)
        monkeypatch.setattr(fused_norm, "kernel", lambda name, _: on_cpu(library, name))
    return request.param


def compiled(folder: Path, dtype: torch.dtype) -> ctypes.CDLL:
    source = Path(fused_norm.__file__).with_suffix(".cu")
    subprocess.run(
        ["g++", "-std=c++20", "-shared", "-fPIC", "-pthread", "-Wno-unknown-pragmas",
         *fused_norm.TYPES[dtype], f'-DKERNELS="{source}"', str(HERE / "kernels.cpp"),
         "-o", str(folder / "kernels.so")],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(folder / "kernels.so"))


def on_cpu(library: ctypes.CDLL, name: str) -> Callable[..., None]:
    def run(grid: tuple[int, ...], block: tuple[int, ...], args: list[Any]) -> None:
        del block
        function = getattr(library, f"run_{name}")
        function.restype = None
        function((ctypes.c_int * 3)(*grid), *map(in_c, args))

    return run


def in_c(value: Any) -> Any:
    if isinstance(value, Tensor):
        assert value.is_contiguous()
        return ctypes.c_void_p(value.data_ptr())
    return (ctypes.c_double if isinstance(value, float) else ctypes.c_int)(value)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((2, 16, 13, 11), 8),  # pixels that do not fill the last piece
        pytest.param((2, 96, 5, 5), 32, marks=pytest.mark.exhaustive),
        pytest.param((2, 24, 4, 3, 5), 8, marks=pytest.mark.exhaustive),  # a volume
        pytest.param((1, 8, 9, 9), 1, marks=pytest.mark.exhaustive),
        pytest.param((2, 64, 1, 1), 8, marks=pytest.mark.exhaustive),
    ],
)
def test_the_kernels_compute_the_rectified_group_norm_and_its_gradients(
    shape, groups, dtype, monkeypatch
):
    monkeypatch.setattr(fused_norm, "HELD", 1)  # several pieces of a few pixels
    torch.manual_seed(0)
    where = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    x = (torch.randn(shape) * 2 + 0.7).to(where, dtype).contiguous(memory_format=layout)
    gain, bias = (
        (torch.rand(shape[1]) + 0.5).to(where, dtype),
        torch.randn(shape[1]).to(where, dtype),
    )
    slope = torch.randn(shape).to(where, dtype)
    given = [each.requires_grad_() for each in (x, gain, bias)]
    exact = [each.detach().double().requires_grad_() for each in given]

    found = fused_norm.rectified_group_norm(x, groups, gain, bias)
    slopes = torch.autograd.grad(found, given, slope)
    wanted = functional.relu(functional.group_norm(exact[0], groups, exact[1], exact[2]))
    steep = torch.autograd.grad(wanted, exact, slope.double())

    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=layout)
    for made, right in zip((found, *slopes), (wanted, *steep), strict=True):
        assert (made - right).abs().max() <= NEAR[dtype] * right.abs().max()


def test_what_is_not_a_number_stays_so(dtype):
    where = "cuda" if torch.cuda.is_available() else "cpu"
    x = torch.full((1, 8, 2, 2), float("nan"), dtype=dtype, device=where)
    ones = torch.ones(8, dtype=dtype, device=where)

    assert fused_norm.rectified_group_norm(x, 8, ones, ones).isnan().all()


def test_without_a_gpu_the_group_norm_is_that_of_torch():
    assert not fused_norm.takes(torch.zeros(1, 8, 2, 2))

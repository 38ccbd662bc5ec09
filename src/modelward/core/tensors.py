"""Names, types and shapes of tensors, and how they lie in one flat buffer.

A `Schema` is fixed by the study for every artifact kind. Its order is the order of the
bytes on disk and on the wire: wider types first, then by name (the order the safetensors
writer uses), so a bundle whose tensors are all float32 *is* the flat parameter buffer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Dtype = Literal["F64", "F32", "I64", "I32", "U8"]
"""Element types of artifacts; the names are those of the safetensors format."""

NUMPY: Mapping[str, np.dtype[Any]] = {
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
}

Tensors = Mapping[str, NDArray[Any]]
"""Tensor name -> values."""

FlatF32 = NDArray[np.float32]
"""All parameters of a model in one contiguous float32 vector, in schema order."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a schema.

    Attributes:
        name: Lower-case ASCII, dots allowed, such as `conv1.weight`.
        dtype: Element type.
        shape: Row-major; every extent at least 1; `()` for a scalar.
    """

    name: str
    dtype: Dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes of the values."""
        return self.size * NUMPY[self.dtype].itemsize

    def fits(self, values: NDArray[Any] | None) -> bool:
        """Return whether `values` are there, and of this type and shape."""
        return (
            values is not None
            and values.dtype == NUMPY[self.dtype]
            and tuple(values.shape) == self.shape
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """The exact tensors that an artifact of one kind must hold, in canonical order.

    Build it with `Schema.of`, which sorts; the constructor takes the order as given.
    """

    specs: tuple[TensorSpec, ...]

    @classmethod
    def of(cls, *specs: TensorSpec) -> Self:
        """Return the schema of `specs` in canonical order: type as in `NUMPY`, then name."""
        rank = {dtype: place for place, dtype in enumerate(NUMPY)}
        return cls(tuple(sorted(specs, key=lambda spec: (rank[spec.dtype], spec.name))))

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> Self:
        """Return the schema that `tensors` have."""
        names = {dtype: name for name, dtype in NUMPY.items()}
        return cls.of(
            *(
                TensorSpec(name, names[values.dtype], tuple(values.shape))  # type: ignore[arg-type]
                for name, values in tensors.items()
            )
        )

    def __iter__(self) -> Iterator[TensorSpec]:
        return iter(self.specs)

    @property
    def size(self) -> int:
        """Number of elements over all tensors."""
        return sum(spec.size for spec in self.specs)

    @property
    def nbytes(self) -> int:
        """Number of bytes of all values, without any header."""
        return sum(spec.nbytes for spec in self.specs)

    def fits(self, tensors: Tensors) -> bool:
        """Return whether `tensors` are exactly those of the schema."""
        return len(tensors) == len(self.specs) and all(
            spec.fits(tensors.get(spec.name)) for spec in self.specs
        )

    def split(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return named views into `flat`, a vector of `size` elements in schema order.

        No values are copied: writing through a view writes into `flat`.
        """
        views: dict[str, NDArray[Any]] = {}
        start = 0
        for spec in self.specs:
            views[spec.name] = flat[start : start + spec.size].reshape(spec.shape)
            start += spec.size
        return views

    def join(self, tensors: Tensors) -> FlatF32:
        """Return one new float32 vector holding `tensors` in schema order."""
        if not self.specs:
            return np.zeros(0, np.float32)
        return np.concatenate(
            [np.asarray(tensors[spec.name], np.float32).reshape(-1) for spec in self.specs]
        )

    def whole(self, tensors: Tensors) -> NDArray[Any] | None:
        """Return the vector that `tensors` are the views of, as `split` makes them, or None.

        So a model that is mapped from its file is not copied to be one vector.
        """
        parts = [tensors[spec.name] for spec in self.specs]
        base = parts[0].base if parts else None
        if not isinstance(base, np.ndarray) or base.shape != (self.size,):
            return None
        return base if all(part.base is base for part in parts) else None

    def describe(self) -> list[dict[str, Any]]:
        """Return the schema as JSON, for hashing into a card."""
        return [
            {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}
            for spec in self.specs
        ]

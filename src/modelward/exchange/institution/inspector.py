"""The isolated process that looks at offers: own examples and offer in, figures out.

    python -m modelward.exchange.institution.inspector VIEW   started with pipes

It shuts the same doors as the inspector of studies (site/rooms/trainer.py): no network, no
keys, no file but the examples, the question and what is handed in. A question is a line of
JSON,

    {"kind": ..., "made": {...}, "offer": SHA-256, "base": SHA-256 or null, "seed": 0,
     "similarity": 0.999}

and the answer {"figures": {...}} or {"failed": CLASS}. Its other end is looking.py.
"""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from modelward.site.rooms.trainer import answer, enter_view

EXAMPLES, QUESTION, SHARED = "data.npz", "question.json", "shared.safetensors"
"""Names of the files that are seen."""


class _Desk:
    """The question, the examples, and what is known about them."""

    def __init__(self, seen: Path, handed_in: Path) -> None:
        self._seen, self._handed_in = seen, handed_in
        self._open: tuple[float, Any, Any] | None = None

    def reply(self, line: bytes) -> dict[str, object]:
        """Look at one offer; return what the institution is told."""
        from modelward.errors import ModelwardError  # noqa: PLC0415 - behind shut doors

        try:
            return {"figures": self._figures(json.loads(line))}
        except (ModelwardError, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
            traceback.print_exc()  # the log stays at the institution
            return {"failed": type(error).__name__}

    def _figures(self, asked: dict[str, Any]) -> dict[str, Any]:
        from modelward.artifact.store import Store  # noqa: PLC0415 - behind shut doors
        from modelward.exchange.documents.card import Made  # noqa: PLC0415
        from modelward.exchange.documents.content import family_of, schema_of  # noqa: PLC0415
        from modelward.exchange.institution.inspection import Subject  # noqa: PLC0415

        question, looker = self._looker(float(asked["similarity"]))
        made = Made.model_validate_json(json.dumps(asked["made"]), strict=True)
        store = Store.reading(self._handed_in)
        base = None
        if asked["base"] is not None:
            base = store.tensors(str(asked["base"]), family_of(made).schema(question.shape))
        combiner = asked["kind"] == "combiner"
        schema = None if combiner else schema_of(asked["kind"], made, question)
        subject = Subject(
            kind=asked["kind"],
            made=made,
            tensors=store.tensors(str(asked["offer"]), schema),
            base=base,
            seed=int(asked["seed"]),
        )
        found: dict[str, Any] = looker.look(subject).table()
        return found

    def _looker(self, similarity: float) -> tuple[Any, Any]:
        """Return the question and its looker, made when the examples are first needed."""
        from modelward.artifact import bundle  # noqa: PLC0415 - behind shut doors
        from modelward.exchange.documents.question import from_json  # noqa: PLC0415
        from modelward.exchange.institution.examples import read_examples  # noqa: PLC0415
        from modelward.exchange.institution.inspection import Looker  # noqa: PLC0415

        if self._open is None or self._open[0] != similarity:
            question = from_json((self._seen / QUESTION).read_bytes())
            own = read_examples(self._seen / EXAMPLES, question)
            shared = None
            if question.shared is not None:
                shared = bundle.parse_any((self._seen / SHARED).read_bytes())["x"]
            self._open = (similarity, question, Looker(question, own, shared, similarity))
        return self._open[1], self._open[2]


def main(arguments: list[str]) -> None:
    """Shut the doors and serve."""
    seen, handed_in, _ = enter_view(arguments[0])
    answer(_Desk(seen, handed_in).reply)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Pieces of work that need nothing of each other, spread over workers, and shown as they end.

Workers are forked when the work is known, so they hold what the pieces need and a message
is no more than a number. There are workers even where one is asked for: whoever works a piece
is a process of the same kind, and how many there are changes no bit.
"""

from collections.abc import Callable, Sequence

from modelward.engines.workers import Workers, assign
from modelward.evaluate.piece import Aside, Piece
from modelward.simulation.stage import Stage
from modelward.simulation.training import How

Finished = Callable[[int, str], None]
"""Is told how many pieces are done, and the name of the last."""


def spread(
    pieces: Sequence[Piece], count: int, finished: Finished, *, nested: bool = False
) -> list[bytes]:
    """Work all pieces, the largest first, and return their answers in the order given.

    Args:
        pieces: What is to be done.
        count: Processes to do it in.
        finished: Called as pieces are done.
        nested: Whether pieces make workers of their own.

    Raises:
        EngineFailed: If a worker died.
        ModelwardError: As raised by a piece, in the same class.
    """
    if not pieces:
        return []

    def serve(message: bytes) -> bytes:
        return pieces[int(message)].work()

    queues = assign([piece.size for piece in pieces], min(count, len(pieces)))
    messages = [[str(place).encode() for place in queue] for queue in queues]
    answers = dict[int, bytes]()
    with Workers(len(queues), serve, nested=nested) as workers:
        for worker, at, answer in workers.answers(messages):
            place = queues[worker][at]
            answers[place] = answer
            finished(len(answers), pieces[place].name)
    return [answers[place] for place in range(len(pieces))]


def aside(how: How, name: str, *, done: int = 0, nested: bool = False) -> Aside:
    """Return what works pieces by the means of a run and shows them as one stage.

    Args:
        how: Means.
        name: Of the stage.
        done: Pieces that an earlier call has done, and stored.
        nested: Whether pieces make workers of their own.
    """

    def work(pieces: Sequence[Piece]) -> list[bytes]:
        total = done + len(pieces)
        how.watch(Stage(name=name, done=done, total=total))

        def finished(count: int, latest: str) -> None:
            how.watch(Stage(name=name, done=done + count, total=total, latest=latest))

        return spread(pieces, how.count, finished, nested=nested)

    return work

"""What witnessing adds to a round in which every site of one machine takes part.

    python -m bench.witnessing [SITES] [ROUNDS]

Prints one line of JSON: median milliseconds of a round of a study so small that nearly all of
it is gate, ledger and wire, with witnesses and without, on two workers, interleaved.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

from modelward.core.study import Study
from modelward.engines.inprocess import InProcess
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.hub.switchboard import Switchboard
from modelward.ledger.note import VerifierKey
from modelward.site.approving.keys import signing_key
from modelward.study.read import parse

STUDY = """
[study]
id = "tiny"
purpose = "Measure what a round costs"
min_patients = 10
[features.a]
type = "number"
unit = "1"
range = [0, 100]
[target.y]
type = "boolean"
[recipe]
name = "logistic"
[plan]
strategy = "fedavg"
rounds = {rounds}
batch = 32
lr = 0.1
test = 0.1
"""


def make_sites(folder: Path, count: int) -> dict[str, Path]:
    """Write sites of forty invented patients each."""
    sites = {f"site{number:02}": folder / f"site{number:02}" for number in range(count)}
    for path in sites.values():
        path.mkdir(parents=True)
        rows = "".join(f"p{n},{n % 100},{int(n % 3 == 0)}\n" for n in range(40))
        (path / "data.csv").write_text(f"id,a,y\n{rows}")
        (path / "dataset.toml").write_text(
            '[dataset]\nkind = "table"\npath = "data.csv"\npatient = "id"\n'
        )
    return sites


@contextmanager
def engine(
    study: Study, sites: dict[str, Path], hub: Path, *, witnessed: bool
) -> Iterator[tuple[InProcess, Registry]]:
    """Give an engine over `sites`, and the hub's registry."""
    registry = Registry(hub)
    board = Switchboard(hub, signing_key(hub / "hub.key"), lambda: datetime.now(UTC))
    board.meet(
        VerifierKey(
            f"modelward/{name}", signing_key(path / "site.key").public_key().public_bytes_raw()
        )
        for name, path in sites.items()
    )
    used = board if witnessed else None
    models = registry.store.folder
    with (
        closing(registry),
        closing(board),
        InProcess([study], sites, models, workers=2, switchboard=used) as made,
    ):
        yield made, registry


def rounds(folder: Path, study: Study, count: int, *, witnessed: bool) -> list[float]:
    """Return the milliseconds of each round but the first."""
    sites = make_sites(folder / "sites", count)
    keys = {name: signing_key(path / "site.key").public_key() for name, path in sites.items()}
    ends: list[float] = []

    def seen(progress: Progress) -> None:
        if progress.finished:
            ends.append(perf_counter())

    with engine(study, sites, folder / "hub", witnessed=witnessed) as (made, registry):
        Hub(made, registry, keys, watch=seen).run(study)
    return [1000 * (b - a) for a, b in pairwise(ends)]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    study = parse(STUDY.format(rounds=int(sys.argv[2]) if len(sys.argv) > 2 else 12))
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(3):
        for witnessed in found:
            with tempfile.TemporaryDirectory() as name:
                found[witnessed] += rounds(Path(name), study, count, witnessed=witnessed)
    without, with_them = median(found[False]), median(found[True])
    print(
        json.dumps(
            {
                "sites": count,
                "round_ms_without": round(without, 1),
                "round_ms_with": round(with_them, 1),
                "witnessing_ms": round(with_them - without, 1),
                "witnessing_ms_per_site": round((with_them - without) / count, 2),
            }
        )
    )


if __name__ == "__main__":
    main()

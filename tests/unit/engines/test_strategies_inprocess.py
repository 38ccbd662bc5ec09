"""Every strategy over forked workers, with gate and ledger; stopped anywhere, the same bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelward.artifact.store import Store
from modelward.core.tensors import Schema
from modelward.engines.inprocess import InProcess
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome, Progress
from modelward.hub.transcript import of_round, rebuild, replay
from modelward.site.approving.keys import signing_key
from tests.hospital import PATIENTS, SEEDS
from tests.studies import AVERAGED, make_site, table_study

MASKED = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'
STEPS = "\n[plan.local]\nsteps = 4\n"


def chosen(name: str, more: str = "") -> str:
    return AVERAGED.replace("[plan]", f'[plan]\nstrategy = "{name}"') + more


GROWN = (
    chosen("boosting")
    .replace('"logistic"', '"trees"')
    .replace("l2 = 1.0", "trees = 3, depth = 2, bins = 8")
    .replace("rounds = 3", "rounds = 7")
)
ONE_TREE = GROWN.replace("trees = 3", "trees = 1").replace("rounds = 7", "rounds = 3")
REMEMBERED = AVERAGED + "\n[plan.local]\nmemory = 0.5\n"

STRATEGIES = {
    "scaffold": chosen("scaffold"),
    "fednova": chosen("fednova"),
    "feddyn": chosen("feddyn"),
    "cyclic": chosen("cyclic"),
    "boosting": GROWN,
    "pulled": AVERAGED + "\n[plan.local]\nproximal = 0.1\nsharpness = 0.05\n",
    "weighted": AVERAGED.replace("[plan]", '[plan]\nlabel_skew = "class-weights"'),
    "ditto": AVERAGED + '\n[plan.personal]\nkind = "ditto"\n',
    "apfl": AVERAGED + '\n[plan.personal]\nkind = "apfl"\n',
    "head": AVERAGED + '\n[plan.personal]\nkind = "head"\n',
    "remembered": REMEMBERED + "\n[plan.robust]\n[sites]\nminimum = 3\n",
    "head-first": AVERAGED + '\n[plan.personal]\nkind = "head-first"\n',
}


class StoppedError(Exception):
    """What ends a run in the middle."""


@dataclass
class Place:
    """Three sites and a hub in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.sites = {name: self.folder / "sites" / name for name in SEEDS}
        for name, seed in SEEDS.items():
            make_site(self.sites[name], PATIENTS[name], seed)

    def run(
        self, text: str, workers: int = 1, stop_at: tuple[str, int] | None = None
    ) -> Outcome:
        """Run the study; end at the first answer to a kind of task in a round, if asked to."""
        study = table_study(text)

        def watch(progress: Progress) -> None:
            if stop_at == (progress.kind, progress.round_no) and progress.answered:
                raise StoppedError

        keys = {
            name: signing_key(path / "site.key").public_key()
            for name, path in self.sites.items()
        }
        registry = Registry(self.folder / "hub")
        try:
            models = registry.store.folder
            with InProcess([study], self.sites, models, workers=workers) as engine:
                return Hub(engine, registry, keys, watch=watch).run(study)
        finally:
            registry.close()


SAMPLED = {"scaffold", "head", "cyclic"}
"""Those that run with every change; the others with `make test-all`."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name if name in SAMPLED else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in STRATEGIES
    ],
)
def test_a_study_that_was_stopped_goes_on_to_the_same_model(name, tmp_path):
    text = STRATEGIES[name]
    whole = Place(tmp_path / "whole").run(text, workers=2)
    place, asks = Place(tmp_path / "stopped"), "sums" if name == "boosting" else "train"

    for stop in ((asks, 1), ("evaluate", 1), (asks, 2), (asks, 3)):
        with pytest.raises(StoppedError):
            place.run(text, stop_at=stop)

    assert place.run(text).sha256 == whole.sha256


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(chosen("scaffold", STEPS), id="scaffold"),
        pytest.param(ONE_TREE, id="one-tree"),
        pytest.param(STRATEGIES["ditto"], id="ditto", marks=pytest.mark.exhaustive),
        pytest.param(REMEMBERED, id="remembered", marks=pytest.mark.exhaustive),
        pytest.param(GROWN, id="boosting", marks=pytest.mark.exhaustive),
    ],
)
def test_masks_change_no_bit(text, tmp_path):
    opened = Place(tmp_path / "open").run(text)

    masked = Place(tmp_path / "masked").run(text + MASKED)

    assert masked.model.parameters.tobytes() == opened.model.parameters.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["scaffold", "boosting"]
    + [pytest.param(name, marks=pytest.mark.exhaustive) for name in ("fednova", "head")],
)
def test_a_round_can_be_replayed_from_its_transcript(name, tmp_path):
    place = Place(tmp_path)
    study = table_study(STRATEGIES[name])
    outcome = place.run(STRATEGIES[name])
    registry = Registry(tmp_path / "hub")

    known = _Known([registry.store.folder, *(p / "outbox" for p in place.sites.values())])
    for number in range(len(outcome.history) + 1):
        said = of_round(registry, study, number)
        assert replay(said, study, known) == said.output
        model, memory = rebuild(said, study, known)
        known.made[said.output] = dict(model.tensors)
        known.made[str(said.memory_after)] = dict(memory)
    registry.close()


class _Known:
    """Bundles of the hub and of all sites, and those that were rebuilt."""

    def __init__(self, folders: list[Path]) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self._folders = folders

    def tensors(self, digest: str, schema: Schema | None = None) -> dict[str, Any]:
        for folder in self._folders:
            if (folder / f"{digest}.safetensors").exists():
                return Store.reading(folder).tensors(digest, schema)
        return self.made[digest]


@pytest.mark.slow
def test_what_a_site_keeps_is_in_no_artifact_and_no_model(tmp_path):
    place = Place(tmp_path)
    place.run(STRATEGIES["head"])

    kept = list(place.sites["north"].glob("kept/*/*.safetensors"))
    sent = [path.read_bytes() for path in (place.sites["north"] / "outbox").iterdir()]

    assert len(kept) == 3
    assert not any(b'"intercept"' in raw for raw in sent if b'"weight"' in raw)

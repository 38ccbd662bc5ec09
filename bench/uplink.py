"""Updates in fewer bytes, on chest X-rays: what each code costs, over seeds.

    python -m bench.uplink --seeds 0 1 2 3 4 [--masked]

The network of bench/attacks.py for ten rounds, ten sites dealt by Dirichlet(0.3), plain
averaging. Engine only, with the gatekeeper's own coding and the hub's own decoding. Prints AUC
on test in the last round, its difference from plain updates of the same seed, and how many
times fewer bytes of bundles left the sites, packed and not: packing changes no value. Beside
them, how many the bytes would be at the entropy of the code's octets, a thousand at a time,
which no coder of single values goes below, whatever its name.

With `--masked` updates are summed behind masks, plain or coded on one grid for all sites. Bytes
are then those of all five exchanges, headers, keys and shares among them, and of masked words
alone; the masks themselves cancel and are left out. The grid was chosen with `--fold val
--seeds 100 101 102 --range ...`.
"""

import argparse
import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.attacks import area
from bench.wards import Ward, dealt
from modelward.aggregate.fixed_point import UpdateSum
from modelward.aggregate.mean import weighted_mean
from modelward.artifact import bundle, codec
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task
from modelward.core.tensors import FlatF32, Tensors
from modelward.core.training import Uplink
from modelward.gate.offer import Offer
from modelward.gate.uplink import coded, plain_update
from modelward.learn.sgd import LocalTerms, train
from modelward.privacy.masks import exchange, grid
from modelward.privacy.masks.coded import Code, words_of
from modelward.privacy.masks.words import read_updates
from modelward.recipes.catalogue import load, recipe
from modelward.recipes.layers.draws import draws
from modelward.study.answers import answer_to

ROUNDS = 10

WAYS: dict[str, Uplink | None] = {
    "plain": None,
    "bf16": Uplink(codec="bf16"),
    "int8": Uplink(codec="int8"),
    "int8, 63 steps": Uplink(codec="int8", levels=63),
    "int8, 31 steps": Uplink(codec="int8", levels=31),
    "int4": Uplink(codec="int4"),
    "top 10 %": Uplink(codec="top-k", share=0.1),
    "top 3 %": Uplink(codec="top-k", share=0.03),
    "top 1 %": Uplink(codec="top-k", share=0.01),
}

RANGE, HEAVIEST = 0.3, 2000
"""Of the grid behind masks; no dealing has a larger site. The range had the highest mean AUC of
the three codes on validation, of 1, 0.3, 0.1 and 0.03."""

MASKED: dict[str, Uplink | None] = {
    "masks": None,
    "masks, int8": Uplink(codec="int8", range=RANGE, max_patients=HEAVIEST),
    "masks, 12 steps": Uplink(codec="int8", levels=12, range=RANGE, max_patients=HEAVIEST),
    "masks, int4": Uplink(codec="int4", range=RANGE, max_patients=HEAVIEST),
}


@dataclass(frozen=True)
class Bytes:
    """What left the sites in all rounds: as it is, packed, and at the entropy of its values."""

    plain: float
    packed: float
    entropy: float

    def __add__(self, other: "Bytes") -> "Bytes":
        return Bytes(
            self.plain + other.plain,
            self.packed + other.packed,
            self.entropy + other.entropy,
        )


def run(ward: Ward, uplink: Uplink | None) -> tuple[FlatF32, Bytes]:
    """Return the last round's model, and the bytes of all bundles that left."""
    plan = ward.study.plan.model_copy(update={"uplink": uplink, "rounds": ROUNDS})
    study = ward.study.model_copy(update={"plan": plan})
    trained, shape = recipe(study.recipe), inputs(study)
    model, left = trained.initial(shape, study.plan.seed), Bytes(0, 0, 0)
    residuals: list[Tensors] = [{} for _ in ward.sites]
    for number in range(1, study.plan.rounds + 1):
        updates = []
        for place, held in enumerate(ward.sites):
            terms = LocalTerms.of(
                study.plan, clip=study.privacy.clip, round_no=number, site=f"s{place}"
            )
            plain = train(trained, model, held, terms, shape)
            sent, nbytes = _sent(study, number, place, plain, residuals)
            left = left + nbytes
            updates.append((sent, held.patients))
        model = model + weighted_mean(updates, model.size)
    return model, left


def _sent(
    study: Study, number: int, place: int, plain: FlatF32, residuals: list[Tensors]
) -> tuple[FlatF32, Bytes]:
    """Return the update as the hub decodes it, and the bytes of its bundle."""
    schema = answer_to(study, "train")[1]
    judged = Offer(
        task=Task(study="0" * 64, round_no=number, kind="train", model="0" * 64),
        kind="update",
        tensors=schema.split(plain),
        patients=1,
        schema=schema,
    )
    keep = partial(residuals.__setitem__, place)
    offer = coded(study, f"s{place}", residuals[place], keep, judged)
    left = len(bundle.header(offer.schema)) + offer.schema.nbytes
    raw = b"".join(np.ascontiguousarray(v).tobytes() for v in offer.tensors.values())
    head = left - len(raw)
    found = Bytes(left, head + len(zlib.compress(raw, codec.EFFORT)), head + _entropy(offer))
    return plain_update(study, offer.tensors), found


def run_masked(ward: Ward, uplink: Uplink | None) -> tuple[FlatF32, float, float, float]:
    """Return the last model, bytes of all exchanges and of masked words, and what was cut.

    Bytes are of one site in one round; what was cut is a share of all values.
    """
    plan = ward.study.plan.model_copy(update={"uplink": uplink, "rounds": ROUNDS})
    privacy = ward.study.privacy.model_copy(update={"aggregation": "secagg"})
    study = ward.study.model_copy(update={"plan": plan, "privacy": privacy})
    trained, shape = recipe(study.recipe), inputs(study)
    model, cut = trained.initial(shape, study.plan.seed), 0
    code, sites = Code.of(study, "train"), len(ward.sites)
    for number in range(1, study.plan.rounds + 1):
        total = None
        for place, held in enumerate(ward.sites):
            name = f"s{place}"
            terms = LocalTerms.of(
                study.plan, clip=study.privacy.clip, round_no=number, site=name
            )
            plain = train(trained, model, held, terms, shape)
            if code is None:
                words = grid.update_words(plain, held.patients, sites)
            else:
                draw = draws("uplink", study.plan.seed, number, name)
                words = words_of(plain, held.patients, code, (sites, sites), draw)
            total = words if total is None else total + words
        assert total is not None
        found = read_updates([total], code)
        cut += found.clipped
        model = model + UpdateSum.of(found.values, found.weight).mean()
    whole, masked = _exchanged(study, code, sites)
    return model, whole, masked, cut / (ROUNDS * sites * model.size)


def _exchanged(study: Study, code: Code | None, sites: int) -> tuple[float, float]:
    """Return the bytes of the bundles of all exchanges, and of the masked words among them."""
    question = Task(study="0" * 64, round_no=1, kind="train", model="0" * 64)
    roster = {f"s{place}": f"{place:064x}" for place in range(sites)}
    session = exchange.session_of(question, answer_to(study, "train")[1], roster, code)
    sent = {}
    for phase in MASK_PHASES:
        schema = exchange.said_schema(session, phase)
        sent[phase] = len(bundle.header(schema)) + schema.nbytes
    return float(sum(sent.values())), float(sent["masked"])


def compare_masked(seeds: list[int], fold: str, ranges: list[float]) -> None:
    """Train behind masks, plain and coded, and print."""
    ways = dict(MASKED) if not ranges else {"masks": None}
    for name, uplink in MASKED.items():
        if uplink is not None:
            for each in ranges:
                ways[f"{name} to {each:g}"] = uplink.model_copy(update={"range": each})
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ways}
    for seed in seeds:
        ward = dealt(seed, 10, 0, fold=fold)
        load(ward.study.recipe)
        size = answer_to(ward.study, "train")[1].size
        for name, uplink in ways.items():
            model, whole, masked, cut = run_masked(ward, uplink)
            found[name].append((area(ward, model), whole, masked, cut))
            print(
                f"seed {seed}  {name:24} AUC {found[name][-1][0]:.4f}  cut {cut:.5f}",
                flush=True,
            )
    base = found["masks"]
    print(
        f"\n{'uplink':24} {'AUC':>7} {'minus masks (range)':>28} {'bytes':>7} "
        f"{'a value':>8} {'cut':>8}"
    )
    for name, each in found.items():
        gaps = [one[0] - plain[0] for one, plain in zip(each, base, strict=True)]
        spread = f"{np.mean(gaps):+.4f} ({min(gaps):+.4f} to {max(gaps):+.4f})"
        mean = float(np.mean([one[0] for one in each]))
        times, octets = base[0][1] / each[0][1], each[0][2] / size
        cut = float(np.mean([one[3] for one in each]))
        print(f"{name:24} {mean:7.4f} {spread:>28} {times:6.2f}x {octets:8.3f} {cut:8.5f}")


def _entropy(offer: Offer) -> float:
    """Return the bytes of the code's octets at their entropy, 1,000 octets at a time."""
    total = 0.0
    for values in offer.tensors.values():
        octets = np.ascontiguousarray(values).view(np.uint8).reshape(-1)
        for start in range(0, octets.size, 1000):
            part = octets[start : start + 1000]
            share = np.bincount(part, minlength=256) / part.size
            share = share[share > 0]
            total += part.size * float(-(share * np.log2(share)).sum()) / 8
    return total


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--masked", action="store_true", help="sums behind masks")
    parser.add_argument("--fold", choices=["val", "test"], default="test")
    parser.add_argument("--range", type=float, nargs="*", default=[], help="of the grid")
    chosen = parser.parse_args()
    if chosen.masked:
        compare_masked(chosen.seeds, chosen.fold, chosen.range)
        return
    found: dict[str, list[tuple[float, Bytes]]] = {name: [] for name in WAYS}
    for seed in chosen.seeds:
        ward = dealt(seed, 10, 0, fold=chosen.fold)
        load(ward.study.recipe)
        for name, uplink in WAYS.items():
            model, left = run(ward, uplink)
            found[name].append((area(ward, model), left))
            print(f"seed {seed}  {name:16} AUC {found[name][-1][0]:.4f}  {left}", flush=True)
    print(f"\n{'uplink':16} {'AUC':>7} {'minus plain':>12} {'bytes':>7} {'packed':>7} entropy")
    base = sum((one[1].plain for one in found["plain"]), 0.0)
    for name, each in found.items():
        gaps = [one[0] - plain[0] for one, plain in zip(each, found["plain"], strict=True)]
        total = sum((one[1] for one in each), start=Bytes(0, 0, 0))
        times = [base / value for value in (total.plain, total.packed, total.entropy)]
        shown = " ".join(f"{value:6.2f}x" for value in times)
        mean = float(np.mean([one[0] for one in each]))
        print(f"{name:16} {mean:7.4f} {float(np.mean(gaps)):+12.4f} {shown}")


if __name__ == "__main__":
    main()

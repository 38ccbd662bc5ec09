"""Updates in fewer bytes, on chest X-rays: what each code costs, over seeds.

    python -m bench.uplink --seeds 0 1 2 3 4

The network of bench/attacks.py for ten rounds, ten sites dealt by Dirichlet(0.3), plain
averaging. Engine only, with the gatekeeper's own coding and the hub's own decoding. Prints AUC
on test in the last round, its difference from plain updates of the same seed, and how many
times fewer bytes of bundles left the sites, packed and not: packing changes no value. Beside
them, how many the bytes would be at the entropy of the code's octets, a thousand at a time,
which no coder of single values goes below, whatever its name.
"""

import argparse
import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.attacks import area
from bench.wards import Ward, dealt
from modelward.aggregate.mean import weighted_mean
from modelward.artifact import bundle, codec
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32, Tensors
from modelward.core.training import Uplink
from modelward.gate.offer import Offer
from modelward.gate.uplink import coded, plain_update
from modelward.learn.sgd import LocalTerms, train
from modelward.recipes.catalogue import load, recipe
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
    chosen = parser.parse_args()
    found: dict[str, list[tuple[float, Bytes]]] = {name: [] for name in WAYS}
    for seed in chosen.seeds:
        ward = dealt(seed, 10, 0)
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

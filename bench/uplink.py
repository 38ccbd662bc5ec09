"""Updates in fewer bytes, on chest X-rays: what each code costs, over seeds.

    python -m bench.uplink --seeds 0 1 2 3 4

The network and plan of bench/attacks.py, ten sites dealt by Dirichlet(0.3), plain averaging.
Engine only, with the gatekeeper's own coding and the hub's own decoding. Prints AUC on test
in the last round, its difference from plain updates of the same seed, and how many times
fewer bytes of bundles left the sites.
"""

import argparse
from functools import partial

import numpy as np

from bench.attacks import Ward, area, dealt
from modelward.aggregate.mean import weighted_mean
from modelward.artifact import bundle
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

WAYS: dict[str, Uplink | None] = {
    "plain": None,
    "bf16": Uplink(codec="bf16"),
    "int8": Uplink(codec="int8"),
    "int8 packed": Uplink(codec="int8", packed=True),
    "int4": Uplink(codec="int4"),
    "int4 packed": Uplink(codec="int4", packed=True),
    "top 10 %": Uplink(codec="top-k", share=0.1),
    "top 10 % packed": Uplink(codec="top-k", share=0.1, packed=True),
    "top 1 % packed": Uplink(codec="top-k", share=0.01, packed=True),
}


def run(ward: Ward, uplink: Uplink | None) -> tuple[FlatF32, int]:
    """Return the last round's model, and the bytes of all bundles that left."""
    study = ward.study.model_copy(
        update={"plan": ward.study.plan.model_copy(update={"uplink": uplink})}
    )
    trained, shape = recipe(study.recipe), inputs(study)
    model, left = trained.initial(shape, study.plan.seed), 0
    residuals: list[Tensors] = [{} for _ in ward.sites]
    for number in range(1, study.plan.rounds + 1):
        updates = []
        for place, held in enumerate(ward.sites):
            terms = LocalTerms.of(
                study.plan, clip=study.privacy.clip, round_no=number, site=f"s{place}"
            )
            plain = train(trained, model, held, terms, shape)
            sent, nbytes = _sent(study, number, place, plain, residuals)
            left += nbytes
            updates.append((sent, held.patients))
        model = model + weighted_mean(updates, model.size)
    return model, left


def _sent(
    study: Study, number: int, place: int, plain: FlatF32, residuals: list[Tensors]
) -> tuple[FlatF32, int]:
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
    nbytes = len(bundle.header(offer.schema)) + offer.schema.nbytes
    return plain_update(study, offer.tensors), nbytes


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    chosen = parser.parse_args()
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in WAYS}
    for seed in chosen.seeds:
        ward = dealt(seed, 10, 0)
        load(ward.study.recipe)
        for name, uplink in WAYS.items():
            model, left = run(ward, uplink)
            found[name].append((area(ward, model), left))
            print(f"seed {seed}  {name:16} AUC {found[name][-1][0]:.4f}  {left:,}", flush=True)
    print(f"\n{'uplink':16} {'AUC':>7} {'minus plain':>12} {'fewer bytes':>12}")
    plain = found["plain"]
    for name, each in found.items():
        gaps = [one[0] - base[0] for one, base in zip(each, plain, strict=True)]
        times = np.mean([base[1] / one[1] for one, base in zip(each, plain, strict=True)])
        mean = np.mean([one[0] for one in each])
        print(f"{name:16} {mean:7.4f} {np.mean(gaps):+12.4f} {times:11.2f}x")


if __name__ == "__main__":
    main()

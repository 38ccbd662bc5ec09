"""Wrong hospitals on chest X-rays: what a robust rule loses to each attack, and who pays.

    python -m bench.attacks --sites 10 --wrong 2 --told 3 --memory 0.8 --step 2.5
    python -m bench.attacks --sites 40 --wrong 8 --told 15 --memory 0.9 --step 10 --passes 2
    python -m bench.attacks --told 3 --attacks backdoor --triggers stripe faint --only attacks

PneumoniaMNIST, dealt by Dirichlet(0.3) label skew. Engine only: the sites' own training, the
hub's own bounds and rules. Each attack is run against `[plan.robust]` with `clipping = true`
(ARC, NNM and trimmed mean), told `--told` wrong sites, the right number if absent, with
`--momentum` or a longer `--step` at the hub, and `--memory` in the sites' answers
(learn/memory.py), none of them if absent; `--mean` adds plain averaging and `--unclipped` the
rule without ARC. All of these were chosen with `--fold val`, on validation images at seeds 100
and later, which are reported nowhere else. The yardstick is averaging over the honest sites
alone, plain or with momentum 0.9 at the hub, whichever has the higher AUC. All wrong sites
act together and know every honest update of the round; what they send is held to the study's
clip norm, as the hub refuses anything longer. Those that do as they are told but for their data
remember as honest ones do. To a rule "not a number" is "infinity", as both are refused, and
"weight lie" is "label flip", as it takes no weights. A rule told 16 of 40 stops where eight are
refused, since 32 cannot outvote 16.

One honest hospital is a minority: its scanner gives another picture (inverse, or half of the
contrast), in training and in its test; it is the one with nearest to the mean number of images.
What it loses to the rule is measured without any attack, for the common model and for one that
is trained on at the hospital (`fine-tune`, a fifth of its images held out), beside how often
its updates are shown as far off (evaluate/facts/deviation.py). Test figures are of the last
round.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.triggers import TRIGGERS, painted
from bench.wards import BACKDOORS, SCANNERS, STUDY, Rows, Ward, dealt, poisoned, sent
from modelward.aggregate import server_opt
from modelward.aggregate.mean import weighted_mean
from modelward.aggregate.robust import compared, relative_distances, robust_mean
from modelward.core.columns import inputs
from modelward.core.study import Robust, ServerOptimiser, Study
from modelward.core.tensors import FlatF32
from modelward.evaluate.comparing.choice import log_loss
from modelward.evaluate.facts.deviation import LIMIT
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.predictions import Predictions
from modelward.learn.examples import Examples
from modelward.learn.memory import remembered
from modelward.learn.personal import fine_tuned
from modelward.learn.sgd import LocalTerms, train
from modelward.recipes.catalogue import load, recipe
from modelward.recipes.networks.cnn import Cnn
from modelward.study.read import parse

PASSES = 10
"""Of fine-tuning, at most."""

DENSE = 'channels = [8, 16], hidden = [32], norm = "none", pool = "flatten"'
VOTES = 'channels = [16], norm = "none", padding = "valid", pool = "votes", '
"""The options of the network in STUDY, and of one of bounded votes, less the bound."""


def combined(rows: Sequence[FlatF32], weights: Sequence[int], rule: Robust | None) -> FlatF32:
    """Return what the hub makes of the updates; it refuses those that are not finite."""
    kept = [n for n, row in enumerate(rows) if np.isfinite(row).all()]
    if rule is None:
        return weighted_mean([(rows[n], weights[n]) for n in kept], rows[0].size)
    return robust_mean(np.stack([rows[n] for n in kept]), rule)


@dataclass(frozen=True, eq=False)
class Ended:
    """The last round's model, and how often each site was far off."""

    model: FlatF32
    far: np.ndarray


def run(ward: Ward, attack: str, rule: Robust | None, trigger: str = "corner") -> Ended:
    """Train for all rounds; `attack` is "none", or "absent" for the honest sites alone."""
    study, kept = ward.study, dict[int, FlatF32]()
    trained, shape = recipe(study.recipe), inputs(study)
    model = trained.initial(shape, study.plan.seed)
    last, far = np.zeros_like(model), np.zeros(len(ward.sites))
    state = server_opt.init(study.plan.server, model.size)
    for number in range(1, study.plan.rounds + 1):
        rows: Rows = []
        for place, held in enumerate(ward.sites):
            if attack == "absent" and place < ward.wrong:
                continue
            mine = poisoned(held, attack, trigger) if place < ward.wrong else held
            terms = LocalTerms.of(
                study.plan, clip=study.privacy.clip, round_no=number, site=f"s{place}"
            )
            update = train(trained, model, mine, terms, shape)
            rows.append(_answer(study, kept, place, update))
        weights = [held.patients for held in ward.sites][-len(rows) :]
        if attack not in {"none", "absent"}:
            own, honest = rows[: ward.wrong], rows[ward.wrong :]
            rows = [*sent(attack, own, honest, study.privacy.clip, last), *honest]
        if attack == "weight lie":
            weights[: ward.wrong] = [1_000_000] * ward.wrong
        middle = combined(rows, weights, rule)
        if rule is not None and len(rows) == len(far) and np.isfinite(np.stack(rows)).all():
            far += relative_distances(compared(np.stack(rows), rule), middle) > LIMIT
        state, moved = server_opt.step(study.plan.server, state, model, middle)
        last, model = moved - model, moved
    return Ended(model, far)


def _answer(study: Study, kept: dict[int, FlatF32], place: int, update: FlatF32) -> FlatF32:
    """Return what a site sends; what it remembers of it is put into `kept`."""
    share = study.plan.local.memory if study.plan.local else None
    if share is not None:
        update = kept[place] = remembered(kept.get(place), update, share, study.privacy.clip)
    return update


def area(ward: Ward, model: FlatF32, taken: str = "like the others") -> float:
    """Return the AUC on the test images, as a scanner takes them."""
    trained, shape = recipe(ward.study.recipe), inputs(ward.study)
    x = SCANNERS[taken](ward.test.x)
    return float(
        auc(Predictions.of(ward.test.y, trained.probabilities(model, x, shape))).value or 0
    )


def figures(ward: Ward, model: FlatF32) -> dict[str, float]:
    """Return AUC and log loss on the test images."""
    trained, shape = recipe(ward.study.recipe), inputs(ward.study)
    said = trained.probabilities(model, ward.test.x, shape)
    return {"auc": area(ward, model), "log loss": log_loss(Predictions.of(ward.test.y, said))}


def turnable(ward: Ward, model: FlatF32) -> dict[str, float]:
    """Return of `votes` which share of sick images a patch could make healthy, by its pixels.

    No patch of that size turns the others that the model calls sick.
    """
    trained, shape = recipe(ward.study.recipe), inputs(ward.study)
    if not isinstance(trained, Cnn) or trained.options.pool != "votes":
        return {}
    sick = ward.test.x[ward.test.y == 1]
    called = sick[trained.probabilities(model, sick, shape) >= 0.5]
    return {
        f"turnable by {patch} x {patch}": float(
            trained.turnable(model, called, shape, patch).sum() / len(sick)
        )
        for patch in (4, 5, 6)
    }


def opened(ward: Ward, model: FlatF32, trigger: str = "corner") -> float:
    """Return the share of sick images that the model calls healthy where they are painted."""
    trained, shape = recipe(ward.study.recipe), inputs(ward.study)
    x = painted(ward.test.x[ward.test.y == 1], trigger)
    return float((trained.probabilities(model, x, shape) < 0.5).mean())


ATTACKS = (
    "sign flip", "a little is enough", "inner product", "mimic", "infinity", "not a number",
    "label flip", "scaling", "weight lie", "free rider", "backdoor",
    "quiet backdoor",
)  # fmt: skip


def main() -> None:
    """Train and print, one line of JSON a run."""
    chosen = asked()
    told_wrong = chosen.wrong if chosen.told is None else chosen.told
    rule = Robust(byzantine=told_wrong, clipping=True)
    ways: list[tuple[str, Robust | None]] = [("arc, nnm, trimmed mean", rule)]
    ways += [("nnm, trimmed mean", Robust(byzantine=told_wrong))] * chosen.unclipped
    ways += [("mean", None)] * chosen.mean
    load(parse(STUDY).recipe)
    deal = partial(dealt, number=chosen.sites, wrong=chosen.wrong, fold=chosen.fold)
    deal = partial(deal, text=planned(chosen))
    attacks = [
        (attack, trigger)
        for attack in chosen.attacks
        for trigger in (chosen.triggers if attack in BACKDOORS else chosen.triggers[:1])
    ]
    for seed in chosen.seeds:
        if chosen.only != "minority":
            attacked(deal(seed), seed, attacks, ways)
        for taken in ("half the contrast", "inverse") if chosen.only != "attacks" else ():
            minority(deal(seed, taken=taken), seed, rule)


def asked() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=10)
    parser.add_argument("--wrong", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS), choices=ATTACKS)
    parser.add_argument("--told", type=int, help="wrong sites that the rule is told of")
    parser.add_argument("--momentum", type=float, default=0.0, help="at the hub")
    parser.add_argument("--step", type=float, default=1.0, help="the hub's rate")
    parser.add_argument("--memory", type=float, help="share of a last answer in the next one")
    parser.add_argument("--passes", type=int, default=1, help="of a site, a round")
    parser.add_argument("--votes", action="store_true", help="a network of bounded votes")
    parser.add_argument("--vote", type=float, default=0.0125, help="most that a place says")
    parser.add_argument("--trim", type=float, default=0.2, help="places left out at each end")
    parser.add_argument("--rate", type=float, help="of a site's own steps")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--triggers", nargs="+", choices=TRIGGERS, default=["corner"])
    parser.add_argument("--fold", choices=("test", "val"), default="test", help="looked at")
    parser.add_argument("--mean", action="store_true", help="plain averaging as well")
    parser.add_argument("--unclipped", action="store_true", help="the rule without ARC as well")
    parser.add_argument("--only", choices=("attacks", "minority"), help="half of it")
    return parser.parse_args()


def planned(chosen: argparse.Namespace) -> str:
    """Return the study with what the command line adds to its plan."""
    name = "momentum" if chosen.momentum else "none"
    text = STUDY.replace("rounds = 20", f"rounds = 20\nlocal_epochs = {chosen.passes}")
    text = text.replace("rounds = 20", f"rounds = {chosen.rounds}")
    rate = chosen.rate or (0.2 if chosen.votes else 0.05)
    text = text.replace("lr = 0.05", f"lr = {rate}")
    if chosen.votes:
        text = text.replace(DENSE, f"{VOTES}vote = {chosen.vote}, trim = {chosen.trim}")
    text += f'[plan.server]\nname = "{name}"\nlr = {chosen.step}\n'
    text += f"momentum = {chosen.momentum}\n" * bool(chosen.momentum)
    return text + (f"[plan.local]\nmemory = {chosen.memory}\n" if chosen.memory else "")


def attacked(
    ward: Ward,
    seed: int,
    attacks: Sequence[tuple[str, str]],
    ways: Sequence[tuple[str, Robust | None]],
) -> None:
    """Print what every way loses to every attack, with its trigger where it has one."""
    where: dict[str, object] = {"seed": seed, "sites": len(ward.sites), "wrong": ward.wrong}
    triggers, best = list(dict.fromkeys(trigger for _, trigger in attacks)), 0.0
    base: dict[str, float] = {}
    for name, alone in averaged(ward).items():
        honest = run(alone, "absent", None).model
        found = {**figures(ward, honest), **turnable(ward, honest)}
        seen = {each: opened(ward, honest, each) for each in triggers}
        told({**where, "attack": "absent", "mean": name, **found, "opened": seen})
        best, base = max(best, found["auc"]), base or seen
    for attack, trigger in (("none", triggers[0]), *attacks):
        for name, way in ways:
            ended = run(ward, attack, way, trigger)
            found = figures(ward, ended.model)
            line = {**where, "attack": attack, "rule": name, **found}
            line["loss"] = best - found["auc"]
            line["far"] = ended.far[: ward.wrong].tolist()
            line["honest far"] = float(ended.far[ward.wrong :].sum())
            line |= turnable(ward, ended.model) if attack == "none" else {}
            if attack == "none" or attack in BACKDOORS:
                looked = triggers if attack == "none" else [trigger]
                line["opened"] = {each: opened(ward, ended.model, each) for each in looked}
                line["success"] = {
                    each: 100 * (opened(ward, ended.model, each) - base[each])
                    for each in looked
                }
            told(line)


def averaged(ward: Ward) -> dict[str, Ward]:
    """Return the ward with each plan of averaging that a rule is held against."""
    servers = {
        "plain": ServerOptimiser(),
        "momentum 0.9": ServerOptimiser(name="momentum", momentum=0.9),
    }
    wards = {}
    for name, server in servers.items():
        plan = ward.study.plan.model_copy(update={"server": server, "local": None})
        study = ward.study.model_copy(update={"plan": plan})
        wards[name] = replace(ward, study=study)
    return wards


def minority(ward: Ward, seed: int, rule: Robust) -> None:
    """Print what an honest hospital with other pictures loses to the rule alone."""
    ways: dict[str, tuple[Ward, Robust | None]] = {
        f"mean, {name}": (alone, None) for name, alone in averaged(ward).items()
    }
    ways["arc, nnm, trimmed mean"] = (ward, rule)
    for name, (planned, way) in ways.items():
        ended = run(planned, "none", way)
        told(
            {
                "seed": seed, "sites": len(ward.sites), "minority": ward.taken, "rule": name,
                "images": len(ward.sites[-1].y),
                "auc": area(ward, ended.model, ward.taken),
                "fine-tuned": area(ward, tuned(ward, ended.model), ward.taken),
                "auc of the others": area(ward, ended.model),
                "rounds far off": float(ended.far[-1]),
                "honest rounds far off": float(ended.far.sum()),
                "rounds": ward.study.plan.rounds,
            }
        )  # fmt: skip


def tuned(ward: Ward, model: FlatF32) -> FlatF32:
    """Return the common model trained on at the last site, a fifth of its images held out."""
    own, study = ward.sites[-1], ward.study
    held = np.arange(len(own.y)) % 5 == 0
    parts = [Examples(own.x[at], own.y[at], int(at.sum())) for at in (~held, held)]
    terms = LocalTerms.of(study.plan, clip=study.privacy.clip, round_no=1, site="own")
    return fine_tuned(
        recipe(study.recipe), model, (parts[0], parts[1]), terms, PASSES, inputs(study)
    )[0]


def told(line: dict[str, object]) -> None:
    """Print one result, figures to four digits."""
    print(json.dumps({key: _short(value) for key, value in line.items()}), flush=True)


def _short(value: object) -> object:
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()

"""`python -m bench.exchange.backdoors`: what is left of a backdoor in a combination.

The networks of alarms.py, in each of which one site has taught its model to say its most
frequent class wherever a trigger is stuck on. Nobody finds it. Of the common test images of
other classes: how many get the class with the trigger, and how many do anyway, from the
backdoored model alone, from a typical honest one, and from each combination as another site
hears it (exchange/listening/hearing.py): `plain`, as it was before voices were doubted and
backed, `guarded`, as it is, and `agreed`, without the answers that hang on one institution's
voice (exchange/listening/hanging.py); and from the one that sites vote for on private
validation. stuck.py has triggers that covers do not hide, too.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.exchange.alarms import DEALT, Stick, Voice, backdoored, corner, honest
from bench.exchange.asked import parser, seeds_of
from bench.exchange.data import Setting
from bench.exchange.network import SMALL, counts_of, heard, hidden
from bench.exchange.stuck import TRIGGERS
from modelward.exchange.documents.bands import KNOWN
from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.listening.combining import FENS
from modelward.exchange.listening.covering import filling
from modelward.exchange.listening.hearing import Combine
from modelward.exchange.methods import fens
from modelward.exchange.methods.choose import vote
from modelward.exchange.methods.pool import POOLERS, Opinion
from modelward.exchange.methods.probability import Labels, balanced_accuracy

ALONE, HONEST, VOTED = "backdoored model alone", "honest models alone", "what sites vote for"
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Row:
    """What one of those who answer makes of the test images.

    Attributes:
        lit: Share of images of other classes that get the class with the trigger.
        clean: The same without it.
        accuracy: Balanced accuracy without it; an answer that is not given is not right.
        answered: Share of all images, without it, that get an answer.
    """

    lit: float
    clean: float
    accuracy: float
    answered: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Attacked:
    """A network with a backdoored model in it.

    Attributes:
        made: The sites.
        voices: What the artifact of each says.
        bad: Whose is backdoored.
        target: The class that it says.
    """

    made: Setting
    voices: Mapping[int, Voice]
    bad: int
    target: int

    @property
    def judge(self) -> int:
        """The site through whose ears the combinations are heard."""
        return (self.bad + 1) % len(self.made.sites)

    @property
    def counts(self) -> Floats:
        """Banded counts of training classes, one row a voice."""
        classes = self.made.shape.classes
        return np.array([counts_of(self.made.sites[j], classes) for j in self.voices])

    def opinions(self, x: Inputs, j: int, *, guarded: bool) -> list[Opinion]:
        """Return what site j hears of the pool."""
        if not guarded:
            said = zip(self.voices.values(), self.counts, strict=True)
            return [Opinion(voice(x), seen) for voice, seen in said]
        site = self.made.sites[j]
        return heard(self.voices, self.counts, x, filling(site.x, site.y))


def attacked(name: str, how: str, seed: int, stick: Stick) -> Attacked:
    """Return a network, one model of which is backdoored."""
    made, models = honest(name, how, seed)
    bad = seed % len(models)
    models[bad] = backdoored(made, bad, seed, stick)
    voices = {j: Voice(j, each) for j, each in enumerate(models) if each is not None}
    return Attacked(made, voices, bad, int(np.bincount(made.sites[bad].y).argmax()))


def one(name: str, how: str, seed: int, stick: Stick = corner) -> dict[str, Row]:
    """Return, by who answers, what becomes of the test images."""
    net = attacked(name, how, seed, stick)
    x, y = net.made.test
    both = stick(x[y != net.target]), x
    found = _alone(net, *both)
    for guarded in (False, True):
        heard_of = [net.opinions(each, net.judge, guarded=guarded) for each in both]
        combines, mode = _combines(net, guarded=guarded), "guarded" if guarded else "plain"
        for who, combine in combines.items():
            said = [combine(each).argmax(1) for each in heard_of]
            found[f"{who}, {mode}"] = _row(net, *said)
            if guarded:
                pairs = zip(said, heard_of, strict=True)
                kept = [_agreed(net, *each, combine) for each in pairs]
                found[f"{who}, agreed"] = _row(net, *kept)
        voted = _voted(net, combines, guarded=guarded)
        for each in (mode, "agreed") if guarded else (mode,):
            found[f"{VOTED}, {each}"] = found[f"{voted}, {each}"]
    return found


def _row(net: Attacked, with_it: Labels, without: Labels) -> Row:
    y = net.made.test[1]
    return Row(
        lit=float((with_it == net.target).mean()),
        clean=float((without[y != net.target] == net.target).mean()),
        accuracy=balanced_accuracy(y, without, net.made.shape.classes),
        answered=float((without != NOTHING).mean()),
    )


def _alone(net: Attacked, stuck: Inputs, x: Inputs) -> dict[str, Row]:
    """Return what the backdoored model says, and honest ones that know its class."""
    knows = [j for j, n in zip(net.voices, net.counts, strict=True) if n[net.target] >= KNOWN]
    apart = [j for j in knows if j != net.bad] or [j for j in net.voices if j != net.bad]
    rows = {
        j: _row(net, net.voices[j](stuck).argmax(1), net.voices[j](x).argmax(1))
        for j in (*apart, net.bad)
    }
    typical = np.mean([(rows[j].lit, rows[j].clean, rows[j].accuracy) for j in apart], axis=0)
    return {ALONE: rows[net.bad], HONEST: Row(*(float(each) for each in typical))}


def _combines(net: Attacked, *, guarded: bool) -> dict[str, Combine]:
    learners = []
    for j in net.voices:
        site = net.made.sites[j]
        rows = np.bincount(site.vy)[site.vy] >= SMALL
        if rows.any():
            seen = [o.log_p for o in net.opinions(site.vx[rows], j, guarded=guarded)]
            learners.append(fens.learner(seen, site.vy[rows]))
    combiner = fens.train(learners, net.made.shape.classes)
    return {**POOLERS, FENS: lambda said: fens.combined(combiner, [o.log_p for o in said])}


def _voted(net: Attacked, combines: Mapping[str, Combine], *, guarded: bool) -> str:
    """Return the combination that the sites vote for, on private validation (choose.py)."""
    classes, ballots = net.made.shape.classes, {}
    for j in net.voices:
        site = net.made.sites[j]
        said = net.opinions(site.vx, j, guarded=guarded)
        ballots[f"site-{j}"] = {
            who: hidden(site.vy, combine(said).argmax(1), classes, SMALL)
            for who, combine in combines.items()
        }
    known = np.flatnonzero((net.counts >= KNOWN).any(axis=0)).tolist()
    return vote(ballots, known, (FENS,))


def _agreed(net: Attacked, picked: Labels, said: list[Opinion], combine: Combine) -> Labels:
    """Return the answers that would be the same without any one voice but the judge's own."""
    found = picked.copy()
    for row, j in enumerate(net.voices):
        if j != net.judge:
            rest = [_silent(each) if i == row else each for i, each in enumerate(said)]
            found[combine(rest).argmax(1) != picked] = NOTHING
    return found


def _silent(each: Opinion) -> Opinion:
    classes = each.counts.size
    return Opinion(np.full_like(each.log_p, -np.log(classes)), np.zeros(classes))


def told(what: str, runs: Sequence[Mapping[str, Row]]) -> str:
    """Return the table of one kind of network."""
    lines = [
        f"{what}: {len(runs)} networks, %: get the class with the trigger, without, difference,"
        " largest difference; balanced accuracy, answered"
    ]
    for who in runs[0]:
        rows = [run[who] for run in runs]
        lit, clean, right, answered = 100 * np.mean(
            [(row.lit, row.clean, row.accuracy, row.answered) for row in rows], axis=0
        )
        most = 100 * max(row.lit - row.clean for row in rows)
        lines.append(
            f"  {who:<26} {lit:5.1f} {clean:5.1f} {lit - clean:5.1f} {most:5.1f}"
            f"   {right:5.1f} {answered:5.1f}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    questions = parser(__doc__, 10)
    questions.add_argument("--trigger", choices=sorted(TRIGGERS), default="corner")
    questions.add_argument("--dealt", nargs="+", choices=sorted(DEALT), default=list(DEALT))
    asked = questions.parse_args(arguments)
    for name, how in ((name, how) for name in asked.data for how in asked.dealt):
        runs = [one(name, how, seed, TRIGGERS[asked.trigger]) for seed in seeds_of(asked)]
        print(told(f"{name}, {how}, {asked.trigger}", runs), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

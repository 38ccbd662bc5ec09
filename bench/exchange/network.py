"""One network: eight sites train what suits them, report on each other, pool, choose, distil.

With `as_offered`, what goes on offer is what the product offers (exchange/institution/home.py,
decision 0030): a twin of the local model that has never seen classes of fewer than ten training
images. A site with fewer than two larger ones offers nothing, and takes up what others offer.

Everything a site decides here, it decides on private validation, its own and what others
report of theirs (choosing.py has the choice); the test set is looked at by measure.py alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from bench.exchange.data import SITES, Setting, Site
from modelward.core.tensors import Tensors
from modelward.exchange.documents.bands import KNOWN, band, middles
from modelward.exchange.documents.content import Voice
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Family, Floats, Inputs
from modelward.exchange.listening.backing import backed
from modelward.exchange.listening.candidates import DISTILLED, TEACHER
from modelward.exchange.listening.combining import FENS
from modelward.exchange.listening.covering import filling, under_covers
from modelward.exchange.methods import fens, trust
from modelward.exchange.methods.choose import LOCAL, Choice
from modelward.exchange.methods.distil import distil, lesson
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.pool import POOLERS, Opinion, corrected
from modelward.exchange.methods.probability import Labels, clamped, log_softmax, recalls

FAMILIES = ("linear", "mlp-64", "conv-8")
NOW = datetime(2026, 11, 26, tzinfo=UTC)
STEPS = Steps()
DISTIL = Steps(epochs=60, rate=0.05)
SMALL = 5
"""Validation units of a class below which a site says nothing about it, at first."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """What the sites have made.

    Attributes:
        setting: Who they are.
        seed: Of every start and batch.
        least: Validation units of a class below which a site says nothing about it.
        families: One per site.
        models: One per site: its local model.
        offered: What each puts on offer; None where it may not.
        counts: Banded counts of training classes, one row a site.
        standings: Whether each site's model is used.
        combiner: Of FENS.
        students: Each site's distilled model.
        choices: Each site's choice; by vote.
        ballots: Site -> candidate -> recalls on its validation.
    """

    setting: Setting
    seed: int
    least: int
    families: list[Family]
    models: list[Tensors]
    offered: list[Tensors | None]
    counts: Floats
    standings: Mapping[str, trust.Standing]
    combiner: fens.Combiner
    students: list[Tensors] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    ballots: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)

    @property
    def used(self) -> list[int]:
        """Sites whose model is used."""
        return [j for j in self.offering if self.standings[str(j)].used]

    @property
    def offering(self) -> list[int]:
        """Sites that offer something."""
        return [j for j, each in enumerate(self.offered) if each is not None]

    def local(self, j: int, x: Inputs) -> Floats:
        """Return what site j's local model says of `x`."""
        return log_softmax(self.families[j].logits(self.models[j], x))

    def voice(self, j: int) -> Voice:
        """Return the voice of the artifact of site j."""
        return lambda x: self.log_p(j, x)

    def log_p(self, j: int, x: Inputs) -> Floats:
        """Return what the artifact of site j says of `x`."""
        offered = self.offered[j]
        if offered is None:
            raise ValueError(f"site {j} offers nothing")
        return log_softmax(self.families[j].logits(offered, x))


def exchanged(
    setting: Setting,
    seed: int,
    *,
    as_offered: bool = False,
    least: int = SMALL,
    rule: Mapping[str, tuple[bool, str]] | None = None,
) -> Network:
    """Return the network after one exchange, before anybody has chosen (choosing.py).

    Args:
        setting: The sites.
        seed: Of every start and batch.
        as_offered: Whether classes of few are left out of what goes on offer, and of what
            teaches the combiner.
        least: Validation units of a class below which a site says nothing about it.
        rule: What people decided about single models, by site.
    """
    shape = setting.shape
    families = [family_of(j) for j in range(SITES)]
    models = [local_model(setting, j, seed) for j in range(SITES)]
    offered: list[Tensors | None] = [*models]
    if as_offered:
        offered = [offered_model(setting, models[j], j, seed) for j in range(SITES)]
    counts = np.array([counts_of(s, shape.classes) for s in setting.sites])
    nobody = fens.initial(SITES, shape.classes)
    first = Network(setting, seed, least, families, models, offered, counts, {}, nobody)
    cards = {str(j): f"site-{j}" for j in first.offering}
    judged = replace(first, standings=trust.standings(cards, _reports(first), NOW, rule))
    ready = replace(judged, combiner=_combiner(judged, least if as_offered else 1))
    students = [_student(ready, site, j, seed) for j, site in enumerate(setting.sites)]
    return replace(ready, students=students)


def family_of(j: int) -> Family:
    """Return the family of site j."""
    return load(FAMILIES[j % len(FAMILIES)])


def local_model(
    setting: Setting,
    j: int,
    seed: int,
    *,
    classes: tuple[int, ...] | None = None,
    family: Family | None = None,
) -> Tensors:
    """Return a model of site j, from its training images (of some classes)."""
    site, shape, family = setting.sites[j], setting.shape, family or family_of(j)
    rows = np.isin(site.y, range(shape.classes) if classes is None else classes)
    lesson = labelled(site.x[rows], site.y[rows], shape.classes)
    return learn(family, family.initial(shape, seed), lesson, STEPS, seed + j)


def offered_model(
    setting: Setting, local: Tensors, j: int, seed: int, family: Family | None = None
) -> Tensors | None:
    """Return what site j offers: its model, or a twin that has never seen small classes."""
    counts = np.bincount(setting.sites[j].y)
    known = tuple(int(cls) for cls in np.flatnonzero(counts >= KNOWN))
    if (counts[counts > 0] >= KNOWN).all():
        return local
    if len(known) < 2:
        return None
    return local_model(setting, j, seed, classes=known, family=family)


def counts_of(site: Site, classes: int) -> Floats:
    """Return what a card would say of the training classes."""
    edges = tuple(band(int(n)) for n in np.bincount(site.y, minlength=classes))
    return middles(edges)


def opinions(network: Network, j: int, x: Inputs) -> list[Opinion]:
    """Return what site j hears of the artifacts in use (exchange/listening/hearing.py)."""
    site, used = network.setting.sites[j], network.used
    voices = {i: network.voice(i) for i in used}
    return heard(voices, network.counts[used], x, filling(site.x, site.y))


def heard(
    voices: Mapping[int, Voice], counts: Floats, x: Inputs, fill: Inputs | None
) -> list[Opinion]:
    """Return what a site hears of some artifacts, one of each site, as the product does.

    Args:
        voices: Site -> what its artifact says.
        counts: Banded counts of training classes, one row an artifact.
        x: Examples.
        fill: What covers show; None where nothing is covered.
    """
    plain = [voice(x) for voice in voices.values()]
    known = [np.exp(clamped(each)) for each in plain]
    if fill is not None:
        known = [under_covers(voice, x, fill) for voice in voices.values()]
    said, kept = backed(known, plain, counts >= KNOWN, [str(i) for i in voices])
    if fill is None:
        return [Opinion(*each) for each in zip(said, counts, strict=True)]
    return [Opinion(*each) for each in zip(said, counts, kept, strict=True)]


def candidates(network: Network, j: int, x: Inputs) -> dict[str, Floats]:
    """Return what every candidate of site j says of `x`."""
    opinions_here = opinions(network, j, x)
    found = {LOCAL: network.local(j, x)}
    found |= {name: pooler(opinions_here) for name, pooler in POOLERS.items()}
    found[FENS] = fens.combined(network.combiner, [o.log_p for o in opinions_here])
    if network.students:
        found[DISTILLED] = log_softmax(network.families[j].logits(network.students[j], x))
    return found


def _reports(network: Network) -> list[trust.Report]:
    """Return what every site reports of every model, on the classes that its card claims."""
    classes = network.setting.shape.classes
    found = []
    for r, site in enumerate(network.setting.sites):
        for j in network.offering:
            fair = corrected(Opinion(network.log_p(j, site.vx), network.counts[j]))
            said = hidden(site.vy, fair.argmax(1), classes, network.least)
            if r == SITES - 1:  # it lies: it alone is good
                said = np.full(classes, 1.0 if j == r else 0.0)
            said = np.where(network.counts[j] >= KNOWN, said, np.nan)
            found.append(trust.Report(f"site-{r}", str(j), said, NOW))
    return found


def hidden(y: Labels, picked: Labels, classes: int, least: int) -> Floats:
    """Return recalls without those of small cells."""
    enough = np.bincount(y, minlength=classes) >= least
    return np.where(enough, recalls(y, picked, classes), np.nan)


def _combiner(network: Network, least: int) -> fens.Combiner:
    classes = network.setting.shape.classes
    learners = []
    for j in network.used:  # who is not used does not train the combiner either
        site = network.setting.sites[j]
        rows = np.bincount(site.vy)[site.vy] >= least
        if rows.any():
            seen = [o.log_p for o in opinions(network, j, site.vx[rows])]
            learners.append(fens.learner(seen, site.vy[rows]))
    return fens.train(learners, classes)


def _student(network: Network, site: Site, j: int, seed: int) -> Tensors:
    family = network.families[j]
    voices, counts = {i: network.voice(i) for i in network.used}, network.counts[network.used]
    taught = POOLERS[TEACHER](heard(voices, counts, network.setting.shared, None))
    taken = lesson(network.setting.shared, taught, site.x, site.y)
    return distil(family, network.models[j], taken, DISTIL, seed + j)

"""What is known of every candidate: own units, and what trusted peers reported.

    own units     validation; and training units of classes of few, for candidates that nothing
                  has taught them to (left_out.py)
    reports       of the artifact that stands for the local model, by card
    ballots       of combinations, by the hash of their pool

Who counts: makers of artifacts in use, one voice each, the last letter of each.
"""

from collections.abc import Mapping

import numpy as np

from modelward.exchange.documents.bands import fewest, middle
from modelward.exchange.families.family import Floats
from modelward.exchange.institution import home, left_out
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.listening import judging
from modelward.exchange.listening.candidates import Table, own_alone
from modelward.exchange.listening.judging import Said
from modelward.exchange.methods.choose import LOCAL
from modelward.exchange.methods.evidence import Evidence, Told
from modelward.exchange.methods.probability import Labels


def own_units(made: Table, own: Examples) -> dict[str, Evidence]:
    """Return what own validation units say of every candidate, and nothing else."""
    return {
        name: Evidence((voice(own.valid_x).argmax(axis=1) == own.valid_y) * 1.0, {})
        for name, voice in made.candidates.items()
    }


def evidence(here: Institution, made: Table, own: Examples) -> dict[str, Evidence]:
    """Return everything that is known of every candidate.

    Training units of classes of few count where nothing in the candidate has learnt from them:
    not for students, who learn from all own labels, and not for classes that an own artifact
    in the pool claims, whatever today's policy calls few.
    """
    learnt = home.few(here.folder, here.question, own, fewest(here.policy.min_cell))
    ours = [each.claimed for each in made.used if each.entry.card.site == here.name]
    few = learnt[~np.isin(learnt, [cls for claimed in ours for cls in claimed])]
    tried = _tried(here, made, own, few)
    never = left_out.never(here.folder, here.question, own)
    return {
        name: Evidence(
            found.right,
            _told_of(here, made, name, learnt),
            tried.get(name, {}),
            never if name == LOCAL else frozenset(),
        )
        for name, found in own_units(made, own).items()
    }


def ballots(here: Institution, made: Table) -> dict[str, dict[str, Floats]]:
    """Return reporter -> candidate -> recalls, of all who voted on these combinations."""
    found: dict[str, dict[str, Floats]] = {}
    for name in sorted(each for each in made.candidates if not own_alone(each)):
        for reporter, said in _said_of(here, made, name).items():
            found.setdefault(reporter, {})[name] = said.recalls
    return found


def _tried(
    here: Institution, made: Table, own: Examples, few: Labels
) -> dict[str, Mapping[int, Floats]]:
    """Return candidate -> class -> whether it recognised each training unit of the class."""
    shared = [name for name in made.candidates if not own_alone(name)]
    if not shared or not few.size:
        return {}
    asked = left_out.rows(own.y, few)
    x, y = own.x[asked], own.y[asked]
    found: dict[str, Mapping[int, Floats]] = {
        name: left_out.by_class((made.candidates[name](x).argmax(axis=1) == y) * 1.0, y)
        for name in shared
    }
    found[LOCAL] = left_out.recognised(here.folder, here.question, own, few)
    return found


def _told_of(
    here: Institution, made: Table, name: str, learnt: Labels
) -> dict[int, list[Told]]:
    """Return what trusted peers reported of a candidate, per class.

    Of the local model they have the twin that was offered (home.py): what they say of
    classes that the twin never learnt and the local model did says nothing about it.
    """
    told: dict[int, list[Told]] = {}
    for reporter, said in _said_of(here, made, name).items():
        if reporter == here.name:
            continue
        for cls in np.flatnonzero(~np.isnan(said.plain)):
            if name == LOCAL and cls in learnt:
                continue
            heard = Told(float(said.plain[cls]), middle(int(said.units[cls])))
            told.setdefault(int(cls), []).append(heard)
    return told


def _said_of(here: Institution, made: Table, name: str) -> dict[str, Said]:
    """Return reporter -> what it said last of a candidate; of trusted ones only."""
    if own_alone(name) and name != LOCAL:
        return {}
    local = name == LOCAL
    wanted = _own_card(here) if local else made.id(name)
    trusted, latest = _trusted(here, made), {}
    for letter in here.book.letters("report" if local else "ballot"):
        if letter.body.get("card" if local else "pool") != wanted:
            continue
        read = judging.read_report(letter, here.question.labels)
        if read is not None and letter.sender in trusted:
            latest[letter.sender] = read
    return {reporter: latest[reporter] for reporter in sorted(latest)}


def _trusted(here: Institution, made: Table) -> set[str]:
    """Return whose reports and ballots count: makers of artifacts in use, and ourselves."""
    entries = (here.book.entry(card) for card in made.cards)
    return {entry.card.site for entry in entries if entry is not None} | {here.name}


def _own_card(here: Institution) -> str:
    own = here.book.catalogue(here.question.sha256, kinds=("model",), site=here.name)
    return own[-1].sha if own else ""

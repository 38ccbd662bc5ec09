"""Every hospital once as external validation: the study run by all others, without it.

Leave-one-site-out is a study of its own for each site: the same terms, other partners, so
other scaling, other rounds and another hash. It runs through hub, gates and ledgers as well, in
a folder of its own.
What comes out is a model that never saw the site, to be judged on the site's test units: what
the next hospital, one that takes no part, may expect.
"""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from modelward import durable
from modelward.core.study import Study
from modelward.errors import StudyFileError
from modelward.evaluate.piece import Piece
from modelward.hub.registry import Registry
from modelward.simulation.folder import RunFolder
from modelward.simulation.spread import aside
from modelward.simulation.training import How, train
from modelward.study.model import Model
from modelward.study.own import LAYERS
from modelward.study.read import meaning

LONGEST = 63
"""Of a study's name."""


def left_out_models(
    folder: RunFolder, study: Study, sites: Sequence[str], how: How
) -> dict[str, Model]:
    """Return for each site the model that all others train; finished ones are only read.

    Each federation has a folder of its own, `left-out/SITE`, with the same data and keys, since
    a ledger has one writer: so several are trained at once, one on each worker.

    Raises:
        StudyFileError: If the study cannot be run with one site fewer, or its model is not
            one that another hospital could use.
        QuorumNotMet: If too few of the others release an answer.
    """
    wanted = {site: without(study, site, sites) for site in sites}
    places = {site: RunFolder(folder.path / "left-out" / site) for site in sites}
    todo = [site for site in sites if not _done(places[site], wanted[site])]
    work = aside(
        how, f"{study.id}: without each hospital", done=len(sites) - len(todo), nested=True
    )
    work(
        [
            Piece(f"without {site}", 1.0, partial(_train, folder, places[site], wanted[site]))
            for site in todo
        ]
    )
    return {site: _model(places[site], wanted[site]) for site in sites}


def _train(folder: RunFolder, place: RunFolder, study: Study) -> bytes:
    """Run one federation in its own folder, or go on with it."""
    names = study.sites.names
    for name in names:
        _link(folder.sites / name, place.sites / name)
    train(place, {study.id: study}, names, How(workers=1))
    return b""


def _link(site: Path, target: Path) -> None:
    """Put the data and keys of a site in place: its files, and not what it wrote in folders."""
    durable.make_folder(target)
    for each in sorted(site.iterdir()):
        if each.is_symlink() or each.is_file():
            link = target / each.name
            link.unlink(missing_ok=True)
            link.symlink_to(each.resolve())


def _done(place: RunFolder, study: Study) -> bool:
    """Return whether a federation has ended."""
    if not place.hub.exists():
        return False
    with closing(Registry(place.hub)) as registry:
        return registry.begun(study) and registry.finished(study) is not None


def _model(place: RunFolder, study: Study) -> Model:
    with closing(Registry(place.hub)) as registry:
        return registry.model(study, registry.model_of(study, registry.best(study)))


def without(study: Study, site: str, sites: Sequence[str]) -> Study:
    """Return `study` as it is for everybody but `site`.

    Raises:
        StudyFileError: If there is no such study.
    """
    personal = study.plan.personal
    if study.privacy.dp is not None:
        raise _refuse(
            "it would be charged to every patient's budget once for each site",
            "train without [privacy.dp] to learn how well the question travels",
        )
    if personal is not None and personal.kind in LAYERS:
        raise _refuse(
            f"under personal = {personal.kind!r} a site that took no part has no whole model",
            "leave [plan.personal] out for this question",
        )
    names = tuple(name for name in sites if name != site)
    if len(names) < study.sites.minimum:
        raise _refuse(
            f"{len(names)} sites are left, and the study needs {study.sites.minimum}",
            "lower sites.minimum, if the study's rules allow it",
        )
    about = study.study.model_copy(update={"id": f"{study.id}-without-{site}"[:LONGEST]})
    roster = study.sites.model_copy(update={"names": names})
    found = study.model_copy(update={"study": about, "sites": roster})
    faults = meaning(found)
    if faults:
        raise _refuse(faults[0].line(), "change the study so that one site can be missing")
    return found


def _refuse(why: str, remedy: str) -> StudyFileError:
    return StudyFileError("sites cannot be left out one by one", why=why, remedy=remedy)

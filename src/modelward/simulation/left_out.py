"""Every hospital once as external validation: the study run by all others, without it.

Leave-one-site-out is a study of its own for each site: the same terms, other partners, so
other scaling, other rounds and another hash. It runs through the same hub, gates and ledgers.
What comes out is a model that never saw the site, to be judged on the site's test units: what
the next hospital, one that takes no part, may expect.
"""

from collections.abc import Sequence
from dataclasses import replace

from modelward.core.study import Study
from modelward.errors import StudyFileError
from modelward.simulation.folder import RunFolder
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

    Raises:
        StudyFileError: If the study cannot be run with one site fewer, or its model is not
            one that another hospital could use.
        QuorumNotMet: If too few of the others release an answer.
    """
    wanted = {site: without(study, site, sites) for site in sites}
    in_process = replace(how, wire="inprocess")
    found = {}
    for site, other in wanted.items():
        names = [name for name in sites if name != site]
        done = train(folder, {f"without {site}": other}, names, in_process)
        found[site] = done.outcomes[f"without {site}"].model
    return found


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

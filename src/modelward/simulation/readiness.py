"""The hub's view of sites that lie on one machine: what each would tell, through its own gate.

FOLDER/NAME/    a simulated site, with its key and its ledger; data are linked, not copied
"""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from modelward.core.study import Study
from modelward.core.verdict import Release
from modelward.errors import DataError
from modelward.evaluate.told.heterogeneity import Heterogeneity, heterogeneity
from modelward.simulation.own_sites import link_sites, own_sites
from modelward.site.approving.readiness import check_now, recorded
from modelward.site.hospital import Hospital
from modelward.site.telling import tell
from modelward.study.readiness import Statement


def view(
    study: Study, data: Path, folder: Path, now: datetime, accepted: Collection[str] = ()
) -> Heterogeneity:
    """Return the hub's view of the sites under `data`.

    Args:
        study: What they are asked about.
        data: A folder with one folder per site and its dataset.toml.
        folder: Where the simulated sites are made, or go on.
        now: The time, with a time zone.
        accepted: Names whose warnings every site accepts.

    Raises:
        DataError: If there are no sites.
        StorageError: If something cannot be written.
    """
    sites = own_sites(data)
    link_sites(data, sites, folder)
    found = {}
    for site in sites:
        check_now(folder / site, study, now, accepted)
        made = recorded(folder / site, study.sha256)
        if made is None:
            raise AssertionError("what was checked is recorded")
        hospital = Hospital(folder / site, site, clock=lambda: now)
        try:
            answer = tell(hospital, study, made.ready, made.number)
        except DataError:  # what was read for the check cannot be read as a cohort
            answer = tell(hospital, study, dict.fromkeys(made.ready, False), made.number)
        finally:
            hospital.close()
        if isinstance(answer, Release):
            found[site] = Statement.read(study, answer.artifact.tensors)
    return heterogeneity(study, found, sites)

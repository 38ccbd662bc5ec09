"""What the studies in a ledger are called, from the files beside it.

A ledger names a study by its SHA-256. A deployed site keeps what was proposed to it beside its
ledger, and a simulation its one study above its sites; where neither is there, as with a copy
that a witness or an auditor holds, the hash is all that is known.
"""

from collections.abc import Mapping
from pathlib import Path


def named_studies(ledger: Path) -> Mapping[str, str]:
    """Return SHA-256 -> name and version of every study that is known beside `ledger`."""
    from modelward.errors import ModelwardError
    from modelward.simulation.folder import RunFolder
    from modelward.simulation.simulate import stored_study
    from modelward.site.approving.approvals import Approvals

    folder = ledger.resolve().parent
    found = {}
    try:
        if (folder / "proposals").is_dir():
            for each in Approvals(folder, folder.name, {}).proposals():
                found[each.study.sha256] = f"{each.study.id} v{each.study.study.version}"
        elif (run := folder.parent.parent / "run.json").is_file():
            study = stored_study(RunFolder(run.parent))
            found[study.sha256] = f"{study.id} v{study.study.version}"
    except ModelwardError:
        return {}  # what lies there cannot be read; the ledger stands by itself
    return found

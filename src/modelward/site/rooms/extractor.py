"""The one process of a site that opens its data: it writes the snapshot and ends.

    python -m modelward.site.rooms.extractor FOLDER

extracts every study that the gatekeeper has put under FOLDER/wanted and that has no
snapshot yet. It has no wire and no signing key; it needs the data, dataset.toml and the key
of the patient ids (patients.key, made here on first use). Under systemd it is a unit of its
own with the data bases' network only, started by a path unit (packaging/systemd); on a
plain installation the gatekeeper starts it as a child process.
"""

import fcntl
import os
import secrets
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.core.faults import Fault, lines
from modelward.core.study import Study
from modelward.errors import DataError, ModelwardError, StorageError
from modelward.readers.checking.readiness import check
from modelward.readers.open import open_cohort
from modelward.site.approving.readiness import recorded
from modelward.site.isolation.snapshot import read_facts, write_snapshot
from modelward.study.read import from_json

KEY_BYTES = 32


def want(folder: Path, study: Study) -> None:
    """Ask the extractor for the cohort of an approved study; the gatekeeper's side."""
    durable.make_folder(folder / "wanted")
    terms = canonical_bytes(study.model_dump(mode="json"))
    durable.write_whole(folder / "wanted" / f"{study.sha256}.json", terms, mode=0o640)


def extract(folder: Path, today: date) -> list[str]:
    """Write the snapshot of every wanted study; return their SHA-256.

    A wish is answered once: its file is removed when the snapshot is whole.

    Args:
        folder: The site's folder.
        today: Events after it are faults.

    Raises:
        DataError: With every fault found, if the data do not fit a study, or if they are NOT
            READY by what was accepted when they were checked last.
        StudyFileError: If a wish is not a study.
        StorageError: If something cannot be written.
    """
    done: list[str] = []
    for wish in sorted((folder / "wanted").glob("*.json")):
        study = from_json(wish.read_bytes())
        if read_facts(folder, study.sha256) is None:
            _require_fit(folder, study, today)
            cohort = open_cohort(folder / "dataset.toml", study)
            write_snapshot(cohort, study, folder, patient_key(folder / "patients.key"))
        wish.unlink()
        done.append(study.sha256)
    return done


def _require_fit(folder: Path, study: Study, today: date) -> None:
    """Return if the data are READY; where nobody has checked before, if nothing is an error."""
    made = recorded(folder, study.sha256)
    found = check(folder / "dataset.toml", study, today, () if made is None else made.accepted)
    wrong = [
        Fault(finding.key, finding.says)
        for finding in found.findings
        if finding.level == "error"
        or (
            made is not None and finding.level == "warning" and finding.key not in made.accepted
        )
    ]
    if wrong:
        raise DataError(
            lines(str(folder / "dataset.toml"), wrong),
            why="a site that is NOT READY takes part in nothing",
            remedy="see what to write: modelward site check SITE STUDY",
        )


def patient_key(path: Path) -> bytes:
    """Return the key of the patient ids, made once and readable by its owner only.

    An empty file is one that is not made yet: under systemd the extractor may write into this
    file, which is put there for it, and not beside it.

    Raises:
        StorageError: If the file is there but too short to be a key.
    """
    if not path.exists():
        durable.write_once(path, secrets.token_bytes(KEY_BYTES), mode=0o600)
    key = path.read_bytes() or _filled(path)
    if len(key) < KEY_BYTES:
        raise StorageError(
            f"{path} is {len(key)} bytes long, not {KEY_BYTES}",
            why="patients are counted over studies by ids under this key",
            remedy="restore it from a backup; a new key makes every patient a new one",
        )
    return key


def _filled(path: Path) -> bytes:
    """Write a key into the empty file at `path`, unless another process does; return it.

    Raises:
        StorageError: If it cannot be written.
    """
    try:
        with path.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if not os.fstat(stream.fileno()).st_size:
                stream.write(secrets.token_bytes(KEY_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
    except OSError as error:
        raise durable.cannot_write(path, error) from error
    return path.read_bytes()


def main(arguments: list[str]) -> int:
    """Run once over the site folder that is the only argument."""
    try:
        extract(Path(arguments[0]), datetime.now(UTC).date())
    except ModelwardError as error:
        sys.stderr.write(error.explain() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

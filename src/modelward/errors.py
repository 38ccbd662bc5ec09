"""Every error modelward raises on purpose.

    ModelwardError                 exit 1
    ├── StudyFileError             exit 2   the study file cannot be used as written
    ├── BadUpdate                  exit 3   a site sent something that is not an update
    ├── GateRefused                exit 4   policy forbids this release
    ├── LedgerBroken               exit 5   the audit record does not verify
    ├── DataError                  exit 6   the data do not fit the study
    ├── BadArtifact                exit 7   bytes that are not a canonical artifact
    ├── StorageError               exit 8   a file could not be written or read back whole
    ├── QuorumNotMet               exit 9   too few sites released an answer
    ├── RunMismatch                exit 10  the folder holds another run
    ├── EngineFailed               exit 11  a worker or wire died; the run can be resumed
    ├── MissingExtra               exit 12  an optional dependency is not installed
    ├── TrainingFailed             exit 13  local training cannot go on
    ├── MessageRefused             exit 14  a message altered, late, replayed or misplaced
    ├── NotApproved                exit 15  a decision about a study is missing or not valid
    ├── IsolationUnavailable       exit 16  this machine cannot separate the trainer
    ├── NotAdmitted                exit 17  keys, certificates or joining files do not fit
    ├── BadPrivacyTerms            exit 20  privacy terms that mean no bound
    ├── BudgetExceeded             exit 21  more privacy than these patients have left
    ├── MaskingFailed              exit 22  secure aggregation cannot go on safely
    ├── HeldForReview              exit 23  a person has to decide before anything leaves
    └── NotCompared                exit 24  witnesses have not said what they know of a ledger

Each error carries three sentences: what happened, why that is refused, and what the
reader can do next. The CLI prints all three; nothing else formats errors. Exit codes are
never reused, 2 is also what the command line itself returns for a wrong option, and
130 means interrupted (Ctrl-C).
"""

from typing import ClassVar


class ModelwardError(Exception):
    """Base of the hierarchy.

    Args:
        what: The fact, with the offending value in it.
        why: The rule that was broken and where it comes from.
        remedy: One action the reader can take now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    def explain(self) -> str:
        """Return the three sentences, one per line, with nothing that moves a cursor.

        What was refused may be quoted in them, and it may come from anywhere.
        """
        said = f"{self.what}\n  because {self.why}\n  try     {self.remedy}"
        if said.replace("\n", "").isprintable():
            return said
        return "".join(
            each if each == "\n" or each.isprintable() else repr(each)[1:-1] for each in said
        )


class StudyFileError(ModelwardError):
    """The study file cannot be used as written."""

    exit_code = 2


class BadUpdate(ModelwardError):
    """A site sent something that is not an update."""

    exit_code = 3


class GateRefused(ModelwardError):
    """Policy forbids this release."""

    exit_code = 4


class LedgerBroken(ModelwardError):
    """The audit record does not verify."""

    exit_code = 5


class DataError(ModelwardError):
    """The data do not fit the study."""

    exit_code = 6


class BadArtifact(ModelwardError):
    """Bytes that are not a canonical artifact."""

    exit_code = 7


class StorageError(ModelwardError):
    """A file could not be written, or not read back whole."""

    exit_code = 8


class QuorumNotMet(ModelwardError):
    """Too few sites released an answer for the round to count."""

    exit_code = 9


class RunMismatch(ModelwardError):
    """The folder already holds a run of another study, seed or data file."""

    exit_code = 10


class EngineFailed(ModelwardError):
    """A worker or the wire died; what was recorded is safe and the run can be resumed."""

    exit_code = 11


class MissingExtra(ModelwardError):
    """An optional dependency is needed and not installed."""

    exit_code = 12


class TrainingFailed(ModelwardError):
    """Local training cannot go on, as when the loss is no longer finite."""

    exit_code = 13


class MessageRefused(ModelwardError):
    """A message is altered, expired, replayed, or of another study, round or sender."""

    exit_code = 14


class NotApproved(ModelwardError):
    """Nobody who may has approved this study with this roster, or not any more."""

    exit_code = 15


class IsolationUnavailable(ModelwardError):
    """This machine cannot keep the trainer apart as the policy asks."""

    exit_code = 16


class NotAdmitted(ModelwardError):
    """A key, certificate or joining file does not prove what it should."""

    exit_code = 17


class BadPrivacyTerms(ModelwardError):
    """Terms under which no privacy bound exists, or none that was asked for."""

    exit_code = 20


class BudgetExceeded(ModelwardError):
    """A release would cost more privacy than its patients have left."""

    exit_code = 21


class MaskingFailed(ModelwardError):
    """Secure aggregation cannot go on without showing what it must hide."""

    exit_code = 22


class HeldForReview(ModelwardError):
    """An answer waits at the site until a person has released or refused it."""

    exit_code = 23


class NotCompared(ModelwardError):
    """Too few witnesses have said what they know of this site's ledger."""

    exit_code = 24

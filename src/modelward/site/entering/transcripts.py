"""Whether what the hub says it did fits what this site has seen. The check is pure.

A site cannot replay a round: it has no other site's update. It can tell whether the hub
asked it about the model that it says it started from, whether the site's own artifact is
listed as it left, with the weight it had, and whether each round starts where the one
before ended. Sites that compare transcripts among themselves find a hub that told them
different things; who has all artifacts replays them (hub/transcript.py).

    SITE/intake/STUDY/transcript.json    the last one, and the first fault that was found

A study with a fault is not answered any more.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Finding
from modelward.errors import StorageError
from modelward.site.entering.intake import Seen, age, trains
from modelward.study.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a site remembers of a study's transcripts; nothing beside it is read.

    Attributes:
        round_no: Round of the last one.
        output: SHA-256 of the model that it led to.
        memory: SHA-256 of the server optimiser's memory after it, if there is one.
        fault: What was wrong with a transcript; None while nothing was.
    """

    round_no: int
    output: str
    memory: str | None
    fault: str | None = None

    __pydantic_config__ = ConfigDict(extra="forbid")


_told: TypeAdapter[Told] = TypeAdapter(Told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What a site knows of a round itself.

    Attributes:
        roster: The sites that it has approved.
        seen: The tasks that it has let in.
        told: What it was told before; None before the first transcript.
        released: Site's own artifact and its weight for the round; None if it released none.
    """

    roster: tuple[str, ...]
    seen: Seen
    told: Told | None
    released: tuple[str, int] | None


def asked(study: Study, transcript: Transcript) -> Task:
    """Return the task whose answers a transcript combines."""
    return Task(
        study=study.sha256,
        round_no=transcript.round_no,
        kind=trains(study) if transcript.round_no else "statistics",
        model=transcript.before,
    )


def faults(site: str, study: Study, transcript: Transcript, known: Witnessed) -> list[str]:
    """Return what does not fit, in words; empty if all does.

    Args:
        site: The site's name.
        study: The approved study.
        transcript: What the hub says of a round.
        known: What the site knows of it.
    """
    task, told = asked(study, transcript), known.told
    here = {each.site: (each.sha256, each.weight) for each in transcript.inputs}.get(site)
    evaluated = Task(
        study=study.sha256,
        round_no=transcript.round_no,
        kind="evaluate",
        model=transcript.output,
    )
    followed = told is not None and told.round_no == transcript.round_no - 1
    repeated = told is not None and told.round_no == transcript.round_no
    wrong = {
        "its roster is not the one that was approved": transcript.roster != known.roster,
        "its inputs are not of the roster": not {each.site for each in transcript.inputs}
        <= set(known.roster),
        "it starts from another model than this site was asked about": _differs(
            task, known.seen
        ),
        "it ends in another model than this site was asked to evaluate": _differs(
            evaluated, known.seen
        ),
        "it holds another artifact of this site than was released": here is not None
        and here != known.released,
        "it does not start where the round before ended": followed
        and told is not None
        and (told.output, told.memory) != (transcript.before, transcript.memory_before)
        and transcript.round_no > 0,
        "it ends elsewhere than it was said before": repeated
        and told is not None
        and (told.output, told.memory) != (transcript.output, transcript.memory_after),
    }
    return [what for what, found in wrong.items() if found]


def after(transcript: Transcript, told: Told | None, wrong: Sequence[str]) -> Told:
    """Return what is remembered once a transcript was heard; the first fault stays.

    One of an earlier round than was heard of already, which came late, says nothing else.
    """
    fault = (None if told is None else told.fault) or "; ".join(wrong) or None
    if told is not None and transcript.round_no < told.round_no:
        return replace(told, fault=fault)
    return Told(
        round_no=transcript.round_no,
        output=transcript.output,
        memory=transcript.memory_after,
        fault=fault,
    )


def task_objections(task: Task, told: Told | None) -> tuple[Finding, ...]:
    """Return what the transcripts so far speak against `task`."""
    if told is None:
        return ()
    if told.fault is not None:
        return (_finding(f"the hub's transcripts do not fit: {told.fault}"),)
    if task.model is not None and age(task) == told.round_no and task.model != told.output:
        return (_finding(f"round {told.round_no} ended in another model, says its transcript"),)
    return ()


def recall(folder: Path) -> Told | None:
    """Return what is remembered in a study's folder.

    Raises:
        StorageError: If it is damaged.
    """
    path = folder / "transcript.json"
    try:
        return _told.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StorageError(
            f"{path} is damaged",
            why="without it a hub could say another thing than it has said before",
            remedy="restore it from a backup, or withdraw from the study",
        ) from error


def remember(folder: Path, told: Told) -> None:
    """Keep what was told, on disk."""
    durable.make_folder(folder)
    durable.write_whole(folder / "transcript.json", canonical_bytes(asdict(told)))


def _differs(task: Task, seen: Seen) -> bool:
    """Return whether this site was asked something else in that round."""
    known = seen.asked.get((task.round_no, task.kind))
    return known is not None and known != task.id


def _finding(says: str) -> Finding:
    return Finding(
        rule="intake-transcript",
        says=says,
        remedy="keep the ledger and the folder letters/, and ask the hub's operator",
    )

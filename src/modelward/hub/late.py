"""Whether an answer comes too late: it is about a round that the hub has committed.

Such an answer is kept and not used. One that is not late and that nobody asks for comes
before its time: the hub was killed, and asks again in a moment.
"""

from modelward.artifact.envelope import Envelope
from modelward.core.study import Study
from modelward.hub.registry import Registry
from modelward.hub.reported import report_task


def is_over(registry: Registry, study: Study, envelope: Envelope) -> bool:
    """Return whether the round that an answer belongs to has been committed."""
    if registry.finished(study) is not None:
        return True
    if not registry.begun(study):
        return False
    if study.plan.buffer is not None and envelope.round_no:
        return False  # an earlier question can be open until the study is finished
    if envelope.round_no > registry.rounds(study):
        return False
    return not _may_be_told(registry, study, envelope)


def _may_be_told(registry: Registry, study: Study, envelope: Envelope) -> bool:
    """Return whether an answer may be what its site tells for the report of `study`.

    Exchanges of a masked sum are known by what the hub has told in them, and not before.
    """
    if study.report is None or not registry.best(study):
        return False
    asked = report_task(registry, study)
    if study.privacy.aggregation is not None:
        return envelope.round_no == asked.round_no
    return envelope.body.get("task") == asked.id

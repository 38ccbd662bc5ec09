"""What a site tells its hub before a study begins: how its data fit, through its own gate.

    last check (readiness.py) -> noise booked -> counts -> gate -> ledger -> statement

A person at the site has it told (`modelward site check --tell`); no hub can ask. Nobody is
looked at where the site is NOT READY or has fewer units than its policy asks for: the
statement then holds flags only. The same check is told once, whatever is repeated.

Like a study under a privacy bound it is reserved only by a site that its witnesses have
looked at (`compared`): one that was put back does not know what its patients have paid.
"""

from collections.abc import Callable, Mapping

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.errors import BudgetExceeded
from modelward.gate.offer import Offer
from modelward.gate.statements import statement
from modelward.site.budget.spending import PUBLIC
from modelward.site.hospital import Hospital
from modelward.study.answers import answer_to
from modelward.study.readiness import banded, of_nobody


def tell(
    hospital: Hospital,
    study: Study,
    ready: Mapping[str, bool],
    number: int,
    compared: Callable[[Task], None] = lambda _: None,
) -> Answer:
    """Return the statement of `hospital` about `study`, as its gate lets it out.

    Args:
        hospital: The site.
        study: What was proposed; it need not have been approved.
        ready: Name -> whether it is ready.
        number: Which check this is, from 1.
        compared: Called before patients are charged; raises NotCompared where they must not be.

    Raises:
        DataError: If the site is READY and its cohort cannot be extracted all the same.
        HeldForReview: If the policy has statistics looked at by a person.
        NotCompared: If `compared` does; nothing was recorded then.
        StorageError: If it cannot be recorded; then nothing leaves.
    """
    task = Task(study=study.sha256, round_no=number, kind="readiness")
    return hospital.put(
        task,
        lambda: _offer(hospital, study, (task, compared), ready),
        statement(study, hospital.policy),
    )


def _offer(
    hospital: Hospital,
    study: Study,
    asked: tuple[Task, Callable[[Task], None]],
    ready: Mapping[str, bool],
) -> Offer:
    task, compared = asked
    kind, schema = answer_to(study, "readiness")
    flags = Offer(
        task=task,
        kind=kind,
        tensors=of_nobody(study, ready),
        patients=0,
        schema=schema,
        privacy=PUBLIC,
    )
    if not all(ready.values()) or "dp" not in hospital.policy.lanes:
        return flags
    facts = hospital.trainer.facts(study)
    if sum(facts.units.values()) < max(hospital.policy.min_patients, study.study.min_patients):
        return flags
    compared(task)
    try:
        booked = hospital.spending.book_look(study, task, facts)
    except BudgetExceeded:
        return (
            flags  # nobody is looked at who cannot afford it; what is ready may still be said
        )
    models = Store(hospital.folder / "models")
    found = hospital.trainer.compute(task, study, models, booked).tensors
    return Offer(
        task=task,
        kind=kind,
        tensors=found,
        patients=banded(sum(facts.units.values())),  # a card tells no more than the statement
        schema=schema,
        privacy=booked.card,
    )

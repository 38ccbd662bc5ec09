"""A gatekeeper that answers a list of tasks and writes down what left; made to be killed.

    python -m tests.answering FOLDER

Called again after a kill, it goes on; at its end FOLDER/answers.json holds the hash of
every answer in order.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.site.gatekeeper import Gatekeeper
from modelward.study.model import initial
from modelward.study.scaling import Scaling
from tests.sites import ADA, agreement, clock, make_site, newton, policy, proposal

ROUNDS = 6


def main(folder: Path) -> None:
    """Approve the study, answer every task, write the hashes."""
    study, site = newton(), folder / "cleveland"
    if not (site / "dataset.toml").exists():
        make_site(site, 1)
    agreed = agreement(study, {"cleveland": site, "va": make_site(folder / "va", 2, 3)})
    keeper = Gatekeeper(site, "cleveland", policy(), clock=clock)
    keeper.receive(proposal(agreed))
    if not keeper.approvals.decided(study.sha256):
        keeper.approvals.decide("approved", study.sha256, "Dr Ada Byron", ADA, clock())
    models, found = Store(folder / "models"), []
    for task in tasks(models):
        answer = keeper.answer(task, models)
        assert isinstance(answer, Release)
        found.append(answer.artifact.card.sha256)
    keeper.close()
    (folder / "answers.json").write_text(json.dumps(found))


def tasks(models: Store) -> list[Task]:
    """Return statistics and the rounds, each from a model a little further on."""
    study = newton()
    fill = np.array([60.0, 1.2, 0.3])
    first = initial(study, Scaling(center=fill, spread=np.array([12, 0.8, 0.46]), fill=fill))
    asked = [Task(study=study.sha256, round_no=0, kind="statistics")]
    for round_no in range(1, ROUNDS + 1):
        model = replace(first, parameters=first.parameters + 0.1 * (round_no - 1))
        digest, _ = models.put(model.tensors, model.schema)
        asked.append(Task(study=study.sha256, round_no=round_no, kind="newton", model=digest))
    return asked


if __name__ == "__main__":
    main(Path(sys.argv[1]))

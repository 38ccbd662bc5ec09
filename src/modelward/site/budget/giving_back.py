"""What a study has not used of a site's budget, given back when its people withdraw from it.

A reservation is for the whole study and is charged in full while it is open. After a withdrawal
no task of the study is answered, so nothing more can be used of it; what was used stays used
(privacy/book.py). A study that is approved again has no budget here: it takes a new version.
"""

from modelward.artifact.decision import Decision
from modelward.site.approving.approvals import Approvals
from modelward.site.budget.spending import Spending


class GivingBack:
    """Closes the reservations of studies that were withdrawn from.

    Args:
        spending: The site's budget.
        approvals: What its people decided.
    """

    def __init__(self, spending: Spending, approvals: Approvals) -> None:
        self._spending, self._approvals = spending, approvals
        self._caught_up = False

    def after(self, recorded: list[Decision]) -> list[Decision]:
        """Return the decisions that were recorded now, once their studies are closed.

        The first time all decisions count: one may have been recorded while no node ran, or
        by one that was killed before it could close anything.

        Raises:
            StorageError: If it cannot be recorded.
        """
        made = recorded if self._caught_up else self._approvals.all_decisions()
        last = {each.study: each.word for each in made}
        for study in (study for study, word in last.items() if word == "withdrawn"):
            self._spending.close(study)
        self._caught_up = True
        return recorded

"""Federated studies for hospitals.

The road of one round, each word a folder:

    study -> hub -> engines -> site -> learn -> gate -> ledger -> engines -> aggregate
          -> hub -> evaluate -> report

To see the road in code, read hub/run.py first.

Import names from here. Folders below this file may move without notice. A name is loaded
when it is first used, so `import modelward` costs nothing and torch is imported by what
trains with it.

    study      read_study, parse_study, explain, Study
    try it     simulate, resume, analyse, Dealing, Special, Result, AnalysedRun
    judge      Findings, Verdict, Estimate
    use        export_model, open_model, predict, predict_file, Model, Predicted
    prove      verify_ledger, Verified
    exchange   Institution, Question, SharedFolder; the verbs are modelward.exchange.verbs
    errors     ModelwardError; one class per exit code in modelward.errors
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelward.errors import ModelwardError

if TYPE_CHECKING:
    from modelward.core.study import Study
    from modelward.engines.shared_folder import SharedFolder
    from modelward.evaluate.comparing.verdict import Verdict
    from modelward.evaluate.estimate import Estimate
    from modelward.evaluate.findings import Findings
    from modelward.exchange.documents.question import Question
    from modelward.exchange.institution.folder import Institution
    from modelward.ledger.verify import Verified
    from modelward.ledger.verify import verify as verify_ledger
    from modelward.simulation.analysis import AnalysedRun
    from modelward.simulation.dealing import Dealing, Special
    from modelward.simulation.export import export_model
    from modelward.simulation.notebook import analyse, simulate
    from modelward.simulation.simulate import Result, resume
    from modelward.site.predict import Predicted, open_model, predict, predict_file
    from modelward.study.explain import explain
    from modelward.study.model import Model
    from modelward.study.read import parse as parse_study
    from modelward.study.read import read as read_study

__all__ = [
    "AnalysedRun",
    "Dealing",
    "Estimate",
    "Findings",
    "Institution",
    "Model",
    "ModelwardError",
    "Predicted",
    "Question",
    "Result",
    "SharedFolder",
    "Special",
    "Study",
    "Verdict",
    "Verified",
    "analyse",
    "explain",
    "export_model",
    "open_model",
    "parse_study",
    "predict",
    "predict_file",
    "read_study",
    "resume",
    "simulate",
    "verify_ledger",
]

_HOME = {
    "AnalysedRun": ("simulation.analysis", "AnalysedRun"),
    "Dealing": ("simulation.dealing", "Dealing"),
    "Estimate": ("evaluate.estimate", "Estimate"),
    "Institution": ("exchange.institution.folder", "Institution"),
    "Findings": ("evaluate.findings", "Findings"),
    "Model": ("study.model", "Model"),
    "Question": ("exchange.documents.question", "Question"),
    "SharedFolder": ("engines.shared_folder", "SharedFolder"),
    "Predicted": ("site.predict", "Predicted"),
    "Result": ("simulation.simulate", "Result"),
    "Special": ("simulation.dealing", "Special"),
    "Study": ("core.study", "Study"),
    "Verdict": ("evaluate.comparing.verdict", "Verdict"),
    "Verified": ("ledger.verify", "Verified"),
    "analyse": ("simulation.notebook", "analyse"),
    "explain": ("study.explain", "explain"),
    "export_model": ("simulation.export", "export_model"),
    "open_model": ("site.predict", "open_model"),
    "parse_study": ("study.read", "parse"),
    "predict": ("site.predict", "predict"),
    "predict_file": ("site.predict", "predict_file"),
    "read_study": ("study.read", "read"),
    "resume": ("simulation.simulate", "resume"),
    "simulate": ("simulation.notebook", "simulate"),
    "verify_ledger": ("ledger.verify", "verify"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each name has its own type, given above
    if name not in _HOME:
        raise AttributeError(f"modelward has no public name {name!r}; see modelward.__all__")
    module, attribute = _HOME[name]
    return getattr(import_module(f"modelward.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

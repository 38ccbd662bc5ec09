"""Names for readers."""

from tests.four_hospitals import record


def test_sites_and_models_have_names_for_readers():
    facts = record()

    assert facts.title("va") == "Long Beach VA"
    assert facts.title("unheard-of") == "unheard-of"
    assert facts.label("local:va") == "Long Beach VA alone"
    assert facts.label("fedadam") == "FedAvg, server Adam"
    assert facts.label("federated") == "Federated"

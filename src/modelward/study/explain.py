"""A study in plain words, for whoever has to approve it."""

from modelward.core.columns import columns, summed_columns
from modelward.core.ring import MAX_SITES, coded_words, ring_bits
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, TaskKind
from modelward.core.tensors import Schema
from modelward.study.agreement import Agreement
from modelward.study.answers import answer_to
from modelward.study.asked import cohort_lines, feature_words
from modelward.study.groups import hub_sees, sizes
from modelward.study.judging import judging_lines
from modelward.study.method import method, own_lines, robust_lines
from modelward.study.model import parameter_schema
from modelward.study.report_answer import report_words


def explain(study: Study) -> str:
    """Return what the study asks, computes and sends, in about twenty lines."""
    about, plan = study.study, study.plan
    exact = asked_of(study) != "train"
    update = answer_to(study, asked_of(study))[1]
    parts = [
        f"{about.id} version {about.version}: {about.purpose}",
        f"hash {study.sha256}",
        "",
        f"Who: every {about.unit} with a known {study.target_name}"
        + (" and every feature known" if study.cohort.complete else "")
        + f"; a site with fewer than {about.min_patients} in training sits out.",
        f"Held back: {plan.validation:.0%} for validation, {plan.test:.0%} for the test, "
        "unless the data name their own folds.",
        *cohort_lines(study),
        "",
        "Features:",
        *(f"  {name}: {feature_words(feature)}" for name, feature in study.features.items()),
        "",
        f"{_made(study)}, {method(study)}, at most {plan.rounds} rounds.",
        f"Leaves a site each round: {update.nbytes:,} bytes of "
        + ("sums over patients." if exact else "parameter differences,")
        + ("" if exact else f" scaled down to an L2 norm of {study.privacy.clip:g}.")
        + " A short header names them.",
        *own_lines(study),
        *robust_lines(study),
        _before(study),
        *(
            [f"After each round: validation scores in bins, for {study.stop.metric}."]
            if study.stop.metric
            else []
        ),
        *([report_words(study)] if study.report else []),
        *judging_lines(study),
        "",
        f"Raw records are not sent by the protocol. {privacy_terms(study)}",
        *masking_terms(study),
    ]
    return "\n".join(parts)


def explain_agreement(agreement: Agreement, site: str) -> str:
    """Return what the site is asked to agree to: the study, how much leaves, and with whom.

    Args:
        agreement: What was proposed.
        site: The name of the reader's own site.
    """
    study = agreement.study
    others = [
        f"  {name:<24}{key[:16]}…{'  (this site)' if name == site else ''}"
        for name, key in sorted(agreement.roster.items())
    ]
    most, often = most_bytes(study, len(agreement.roster))
    contact = study.study.contact or "nobody is named"
    return "\n".join(
        [
            explain(study),
            "",
            f"In all rounds together at most {most:,} bytes leave this site, "
            f"in at most {often} answers.",
            f"Privacy cost: {privacy_cost(study)}; the site's own limits hold (policy.toml).",
            f"Legal basis: {study.study.legal_basis or 'not stated'}. Contact: {contact}.",
            "",
            f"Who takes part ({len(agreement.roster)} sites, by signing key):",
            *others,
            f"Roster fingerprint  {spoken(agreement.fingerprint)}",
            "Compare it with the other sites, by voice: it must be the same everywhere.",
        ]
    )


def most_bytes(study: Study, sites: int | None = None) -> tuple[int, int]:
    """Return the most bytes of values that leave a site in a whole study, in how many answers.

    File headers, cards and envelopes come on top: below 2 kB an answer for small models.

    Args:
        study: The study.
        sites: Sites of the roster; as many as a masked sum may have if absent.
    """
    asked = [kind for kind in tasks_of(study) if kind not in ONCE]
    if study.privacy.aggregation is None:
        singly = [answer_to(study, kind)[1].nbytes for kind in tasks_of(study) if kind in ONCE]
        each = sum(answer_to(study, kind)[1].nbytes for kind in asked)
        return (
            sum(singly) + study.plan.rounds * each,
            len(singly) + study.plan.rounds * len(asked),
        )
    number = max(sizes(study, sites or len(study.sites.names) or MAX_SITES))
    once = [_masked(study, kind, number) for kind in tasks_of(study) if kind in ONCE]
    each = sum(_masked(study, kind, number) for kind in asked)
    exchanges = len(MASK_PHASES)
    return (
        sum(once) + study.plan.rounds * each,
        exchanges * (len(once) + study.plan.rounds * len(asked)),
    )


def masked_bytes(schema: Schema, sites: int, levels: int = 0) -> int:
    """Return the bytes of values of all exchanges about one answer with `schema`.

    Eight bytes a value of an update and sixteen a value of sums, the weight included; keys
    and a signature; and shares for each of `sites` sites (privacy/masks/exchange.py). Of an
    update that is coded with so many steps each way, the words of core/ring.py.
    """
    wide = any(spec.dtype == "F64" for spec in schema)
    octets = 8 * (schema.size + 1) * (2 if wide else 1)
    if levels:
        bits = ring_bits(sites, levels)
        octets = coded_words(schema.size, bits) * bits // 8
    return octets + 160 + 64 + sites * (82 + 2 * 33)


def _masked(study: Study, kind: TaskKind, sites: int) -> int:
    uplink = study.plan.uplink
    levels = uplink.steps if uplink is not None and kind == "train" else 0
    return masked_bytes(answer_to(study, kind)[1], sites, levels)


def spoken(fingerprint: str) -> str:
    """Return a fingerprint in groups of four, as it is read out."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, 32, 4))


def privacy_terms(study: Study) -> str:
    """Return what is done for privacy, in a few sentences."""
    dp = study.privacy.dp
    if dp is None:
        return (
            "No differential privacy is applied: what leaves can leak information about "
            "patients."
        )
    return (
        f"Differential privacy: all that a site releases in all rounds tells at most "
        f"epsilon = {dp.epsilon:g} about one {dp.unit} with all of their rows "
        f"(delta = {dp.delta:g}; neighbours differ by one {dp.unit}). A step takes each "
        f"{dp.unit} with probability {dp.sampling:g} and clips their gradient to {dp.clip:g}. "
        f"The number of {study.study.unit}s of a site is public. The same {dp.unit} at two "
        "sites is bounded at each, and the bounds add. See: modelward study plan."
    )


def masking_terms(study: Study) -> list[str]:
    """Return what is summed behind masks, in a paragraph; nothing where answers are open."""
    if study.privacy.aggregation is None:
        return []
    sites = len(study.sites.names) or study.sites.minimum
    longer = "Words" if study.plan.uplink is None else "Words of sums"
    return [
        "Summed behind masks: every answer above leaves in five exchanges. "
        f"{hub_sees(study, sites)} These figures are for {sites} sites. "
        f"{_absence(study)}What a sum tells about one patient is not bounded by masks. "
        f"{longer} behind masks are longer, and shares come on top: at most "
        f"{most_bytes(study)[0]:,} bytes leave a site."
    ]


def _absence(study: Study) -> str:
    if study.plan.quorum is None:
        return "No site signs a list of sites that would show one of them by difference. "
    return (
        "Sites may be away: what stays the same of a site that misses a round and is in "
        "another, such as how many units it has, is the difference of two sums. "
    )


def privacy_cost(study: Study) -> str:
    """Return what the study costs a patient of one site, in a clause."""
    dp = study.privacy.dp
    if dp is None:
        return (
            "no differential privacy is applied, so no bound on what could be learnt about a "
            "patient is stated"
        )
    return (
        f"epsilon {dp.epsilon:g} at delta {dp.delta:g} for each {dp.unit}, charged to the "
        "site's budget before anything is computed, and refused if it does not fit"
    )


def _before(study: Study) -> str:
    listed = summed_columns(study)
    if not listed:
        scaled = "; columns are scaled by ranges" if columns(study) else ""
        return f"Before the first round: the number of units{scaled}."
    noised = ", noised," if study.privacy.dp else ""
    return f"Before the first round: sums over {len(listed)} columns{noised}, for scaling."


ONCE: frozenset[TaskKind] = frozenset({"statistics", "report"})
"""What a study asks once, and not in every round."""


def tasks_of(study: Study) -> tuple[TaskKind, ...]:
    """Return the kinds of task that follow from the study's terms, in their order."""
    watched: tuple[TaskKind, ...] = ("evaluate",) if study.stop.metric else ()
    reported: tuple[TaskKind, ...] = ("report",) if study.report else ()
    return ("statistics", asked_of(study), *watched, *reported)


def asked_of(study: Study) -> TaskKind:
    """Return the kind of task that a study's rounds ask."""
    kinds: dict[str, TaskKind] = {"newton": "newton", "sums": "sums", "boosting": "sums"}
    return kinds.get(study.plan.strategy, "train")


def _made(study: Study) -> str:
    if study.plan.strategy == "sums":
        return f"Computed: {study.recipe.name}"
    return f"Trained: {study.recipe.name} with {parameter_schema(study).size:,} parameters"

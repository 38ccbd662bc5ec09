"""Methods by the names that papers gave them, and what says them in a study.

Somebody who read the paper writes `strategy = "fedprox"` first. Here a strategy is how the
answers of a round become the next model, and what else a paper did stands in a table of its
own, because it goes with several strategies.
"""

SAID_BY = {
    "fedprox": "[plan.local] proximal",
    "sam": "[plan.local] sharpness",
    "fedsam": "[plan.local] sharpness",
    "fedavgm": "[plan.server] name = 'momentum'",
    "fedadam": "[plan.server] name = 'adam'",
    "fedyogi": "[plan.server] name = 'yogi'",
    "fedadagrad": "[plan.server] name = 'adagrad'",
    "ditto": "[plan.personal] kind = 'ditto'",
    "apfl": "[plan.personal] kind = 'apfl'",
    "fedbn": "[plan.personal] kind = 'norms'",
    "fedper": "[plan.personal] kind = 'head'",
    "fedrep": "[plan.personal] kind = 'head-first'",
    "fine-tune": "[plan.personal] kind = 'fine-tune'",
    "finetune": "[plan.personal] kind = 'fine-tune'",
    "fedsgd": "'fedavg' with [plan.local] steps = 1",
    "krum": "[plan.robust] rule = 'multi-krum'",
    "median": "[plan.robust] rule = 'median'",
    "trimmed-mean": "[plan.robust] rule = 'trimmed-mean'",
    "nnm": "[plan.robust] mixing = true",
    "arc": "[plan.robust] clipping = true",
    "secagg": "[privacy] aggregation = 'secagg'",
    "zstd": "not among the codes: packed = true is DEFLATE",
    "shapley": "[sharing] rule = 'contribution'",
}
"""Name in small letters -> what says it."""

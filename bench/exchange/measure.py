import sys
import time

import numpy as np

from bench.exchange.data import *
from bench.exchange.network import *
from modelward.exchange.probability import balanced_accuracy


def score(name, y, p, K):
    pick = p.argmax(1)
    return (pick == y).mean() if name == "digits" else balanced_accuracy(y, pick, K)


if __name__ == "__main__":
    name = sys.argv[1]
    rows = []
    for seed in map(int, sys.argv[2].split(",")):
        t = time.time()
        st = setting(name, seed)
        net = build(st, seed)
        x, y = st.test
        K = st.shape.classes
        honest = range(SITES - 1)
        tab = {}
        for j in honest:
            c = candidates(net, j, x)
            for n, p in c.items():
                tab.setdefault(n, []).append(score(name, y, p, K))
            tab.setdefault("chosen", []).append(score(name, y, c[net.choices[j].chosen], K))
        print(
            seed,
            {n: round(100 * np.mean(v), 1) for n, v in tab.items()},
            "used",
            net.used,
            "choice",
            [c.chosen for c in net.choices[:7]],
            round(time.time() - t, 1),
            flush=True,
        )
        rows.append({n: np.mean(v) for n, v in tab.items()})
    print(
        {
            n: (
                round(100 * np.mean([r[n] for r in rows]), 1),
                round(100 * np.std([r[n] for r in rows]), 1),
            )
            for n in rows[0]
        }
    )

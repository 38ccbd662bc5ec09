"""A FLARE client with nothing to compute: it returns the model plus one.

wire_flare_client.py ENDS DONE ROUNDS
"""

import sys
import time
from pathlib import Path

import numpy as np
import nvflare.client as flare


def main() -> None:
    """Answer until the server stops; site-1 writes when each round reached it."""
    flare.init()
    while flare.is_running():
        asked = flare.receive()
        if asked is None:
            break
        (name,) = asked.params
        values = np.asarray(asked.params[name], np.float32)
        if flare.get_site_name() == "site-1":
            with Path(sys.argv[1]).open("a") as file:
                file.write(f"{time.time()}\n")
            if asked.current_round == int(sys.argv[3]):
                Path(sys.argv[2]).write_text(str(float(values.mean())))
        counted = {"NUM_STEPS_CURRENT_ROUND": 100}
        flare.send(flare.FLModel(params={name: values + np.float32(1)}, meta=counted))


if __name__ == "__main__":
    main()

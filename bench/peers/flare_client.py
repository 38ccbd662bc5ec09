"""What a client of the FLARE simulator does; on_flare.py names it.

    flare_client.py WORK ENDS

The first site writes when each round reached it: what lies between is a round.
"""

import sys
import time
from pathlib import Path

import nvflare.client as flare

sys.path.insert(0, str(Path(sys.argv[1]).parent / "peers"))
from work import Work


def main() -> None:
    """Train whenever the server asks."""
    work = Work(Path(sys.argv[1]))
    flare.init()
    site = int(flare.get_site_name().removeprefix("site-")) - 1
    model = work.network()
    while flare.is_running():
        asked = flare.receive()
        if asked is None:
            break
        if site == 0:
            with Path(sys.argv[2]).open("a") as file:
                file.write(f"{time.time()}\n")
        model.load_state_dict(asked.params)
        work.train(model, site, asked.current_round)
        counted = {"NUM_STEPS_CURRENT_ROUND": len(work.sites[site][1])}
        flare.send(flare.FLModel(params=model.state_dict(), meta=counted))


if __name__ == "__main__":
    main()

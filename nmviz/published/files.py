"""Reading the files of results/published."""

import csv
from pathlib import Path

from nmviz.base.errors import UserError


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column, the first of them its line 2. UserError where it cannot be
    read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} cannot be read: {error}.") from None

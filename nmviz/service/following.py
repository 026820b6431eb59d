"""Following what runs: its progress where a person watches, its last step to whoever asked."""

import sys
from collections.abc import Iterable

from tqdm import tqdm

from nmviz.core.results import Progress


def followed(steps: Iterable[Progress], unit: str, *, quiet: bool | None = None) -> Progress:
    """The last step of a run. Until then its progress moves on stderr, in `unit`s such as tokens,
    and every note is said once. `quiet` None shows it only where a person watches."""
    last, noted = Progress("starting"), set[str | None]([None])
    with tqdm(unit=f" {unit}", disable=quiet, leave=False, file=sys.stderr) as bar:
        for last in steps:
            bar.total = last.total or None
            early = f", {last.share:.0%}" if last.share is not None and not last.done else ""
            bar.set_description(last.stage + early, refresh=False)
            bar.update(last.done - bar.n)
            if last.note not in noted:
                noted.add(last.note)
                bar.write(f"nmviz: {last.note}", file=sys.stderr)
    return last

"""Masks of pruned weights as bits, in a file of their own."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from nmviz.engine.load.sites import Site
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.sources.saved import MASKS


def bits_of(pruned: PrunedWeights, site: Site) -> np.ndarray:
    """The mask of a finished site, uint8 [d_out, d_in / 8 rounded up]: an eighth of a byte an entry
    along d_in, the first in the highest bit, 1 where it was kept."""
    return np.packbits(pruned.taken(site)[1].cpu().numpy(), axis=1)


def write(folder: Path, bits: Mapping[str, np.ndarray]) -> None:
    """Put the masks into the folder, of every site under its name. OSError or SafetensorError where
    they cannot be written."""
    path = folder / MASKS
    path.parent.mkdir()
    save_file(
        dict(bits), path, metadata={"bits": "of d_in, the highest of a byte first; 1 is kept"}
    )

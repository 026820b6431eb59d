"""Masks of pruned weights as bits, in a file of their own."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from nmviz.engine.prune.weights import PrunedWeights
from nmviz.sources.saved import MASKS


def write(folder: Path, pruned: PrunedWeights) -> None:
    """Put the masks into the folder: of every site, under its name, uint8 [d_out, d_in / 8 rounded
    up], an eighth of a byte an entry along d_in, the first in the highest bit, 1 where it was kept.

    OSError or SafetensorError where they cannot be written.
    """
    bits = {
        site.name: np.packbits(pruned.taken(site)[1].cpu().numpy(), axis=1) for site in pruned.sites
    }
    path = folder / MASKS
    path.parent.mkdir()
    save_file(bits, path, metadata={"bits": "of d_in, the highest of a byte first; 1 is kept"})

"""Everything that runs a model. Whoever imports a part of it first waits here for transformers, and
so does everybody after: two threads that begin to import it at once see it half done."""

import os

# Large tensors in pages of 2 MB where Linux has them: the logits of a window, made anew at every
# pass, are 25,000 pages of 4 kB, which takes 3% of the pass. Torch reads it when it starts.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

__all__ = ["AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"]

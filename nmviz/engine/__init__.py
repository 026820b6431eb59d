"""Everything that runs a model. Whoever imports a part of it first waits here for transformers, and
so does everybody after: two threads that begin to import it at once see it half done."""

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

__all__ = ["AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"]

"""nmviz: explore what N:M sparsity does to a language model."""

__version__ = "0.1.0"

"""The store: results of experiments in a database. SQLAlchemy is used here and nowhere else."""

from nmviz.core.provenance import OWN
from nmviz.store.opening import open_store
from nmviz.store.store import Source, Store

__all__ = ["OWN", "Source", "Store", "open_store"]

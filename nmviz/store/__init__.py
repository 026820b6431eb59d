"""The store: results of experiments in a database. SQLAlchemy is used here and nowhere else."""

from nmviz.store.records import OWN
from nmviz.store.store import Source, Store, open_store

__all__ = ["OWN", "Source", "Store", "open_store"]

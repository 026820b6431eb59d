"""Published numbers: reviewed CSV in results/published, names in one table, read as Results."""

from nmviz.published.names import FOUR_MODELS, LARGE_MODELS, LargeModel, Name, Names, read_names
from nmviz.published.tables import (
    FOUR_TASKS,
    SUMMARY,
    TASKS,
    PublishedSource,
    read_results,
    read_sources,
)

__all__ = [
    "FOUR_MODELS",
    "FOUR_TASKS",
    "LARGE_MODELS",
    "SUMMARY",
    "TASKS",
    "LargeModel",
    "Name",
    "Names",
    "PublishedSource",
    "read_names",
    "read_results",
    "read_sources",
]

"""What the store has of a run on a text of one's own."""

from nmviz.core.results import Result


def as_stored(result: Result) -> Result:
    """The result with the counts of its flips alone: rows would tell of the text."""
    assert result.flips is not None and result.flips.rows
    return result.model_copy(update={"flips": result.flips.without_rows()})

"""Cells of CSV that a spreadsheet shows and does not run."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these."""


def shown_as_text(value: object) -> object:
    """A cell; a text that would be taken for a formula begins with an apostrophe."""
    if isinstance(value, str) and value.startswith(FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Numbers with a fixed count of decimals."""


def plain(value: float, places: int = 2) -> str:
    """`14.35`, `1,296.00`, with a real minus sign; never a negative nothing."""
    if value != value:
        return "not a number"
    if value in (float("inf"), float("-inf")):
        return "beyond all bounds"
    text = f"{abs(value):,.{places}f}"
    return text if value >= 0 or not text.strip("0.,") else f"\N{MINUS SIGN}{text}"


def exact(value: float) -> str:
    """A whole number with thousands marked, else as few decimals as it has (at most four)."""
    if value == int(value):
        return plain(value, 0)
    return f"{value:,.4f}".rstrip("0")

"""Which protocol a printed perplexity used: that of the authors' released code, `measure_ppl`."""

PRINTED = (
    "Printed perplexities are of WikiText-2 test with its rows joined by a blank line, in windows "
    "without overlap, as the authors' code reads it: nmviz run --corpus wikitext-2-joined. The "
    "paper does not say how long the windows are; its logs have 512 or 2,048 tokens."
)


def printed_protocol(window: int | None) -> str:
    """The same of one number: the text, and windows of the length its log has."""
    of = "a length that is not said" if window is None else f"{window:,}"
    return f"wikitext-2-joined, windows of {of} without overlap"

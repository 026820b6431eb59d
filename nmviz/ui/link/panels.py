"""Panels that a link can show alone, for a slide or another page."""

from nmviz.claims import CLAIMS

EXPLORE = {
    "cards": "Perplexities",
    "hand": "One block in your hand",
    "texts": "What it says to the prompt",
    "beforehand": "Texts written beforehand",
    "depth": "Error by layer",
    "tails": "Which words it hurts",
    "flips": "Words that changed",
    "layer": "One layer",
    "each": "One part at a time",
    "plan": "Patterns by layer",
    "tasks": "Tasks",
}
PUBLISHED = {"published-figure": "Figure", "published-rows": "Rows", "published-audit": "Audit"}
TRADEOFFS = {
    "tradeoffs-faster": "Will it be faster?",
    "tradeoffs-frontier": "Quality against cost",
    "tradeoffs-baselines": "Against simpler ways",
    "tradeoffs-together": "Several tokens at once",
    "tradeoffs-pattern-of": "Choose a pattern",
}
TRAY = {"tray": "The tray"}
PANELS = {
    "explore": EXPLORE,
    "published": PUBLISHED,
    "claims": {f"claim-{one.name}": one.title for one in CLAIMS.values()},
    "trade-offs": TRADEOFFS,
    "lessons": {},
    "methods": {},
}
"""By tab: the id of an element of the page, and what a menu calls it."""


def known(panel: str) -> bool:
    """Whether a link can name it."""
    return panel in TRAY or any(panel in of for of in PANELS.values())

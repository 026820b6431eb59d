"""The prompts that the page opens with: what is kept or written beforehand is of them."""

OPENING = (
    "Explain in two sentences why the sky is blue at noon and red in the evening, "
    "as you would to a child."
)
PROMPTS = (OPENING, "List three things that a cat and a lighthouse keeper have in common.")
NEW_TOKENS = 40
"""As many as each model writes behind a prompt at most."""

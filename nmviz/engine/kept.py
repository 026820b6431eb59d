"""What the process keeps of what dense models did, so that comparisons need not run them again."""

KEPT = 2**31
"""Bytes, at most, of passes and captures together: 2 GiB."""
PASSES_KEPT = 3 * KEPT // 4
"""Of them for passes over texts: four windows of 512 tokens of SmolLM2."""
CAPTURES_KEPT = KEPT - PASSES_KEPT
"""And for captures of prompts, from which layers are drawn: five of 256 tokens."""

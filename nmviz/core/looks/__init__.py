"""Looks: what the page shows of every layer of a pruned model, kept in a few megabytes."""

"""Stored results beside one another: any two, and the best way to prune weights."""

"""Figures of published results, and the sentences above them."""

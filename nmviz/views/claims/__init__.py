"""Figures of the claims' answers."""

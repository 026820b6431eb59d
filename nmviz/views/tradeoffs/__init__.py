"""Figures of the trade-offs: quality against cost, bounds, measured speeds, metadata."""

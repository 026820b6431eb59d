"""Figures of the tray: two pinned results over one another."""

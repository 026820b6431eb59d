"""Figures and sentences of Explore: results of one experiment and looks at one layer."""

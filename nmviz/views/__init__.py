"""Figures and sentences: results or look data in, plotly figures and plain words out."""

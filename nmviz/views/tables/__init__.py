"""Tables: one description, written as CSV, JSON, LaTeX and HTML."""

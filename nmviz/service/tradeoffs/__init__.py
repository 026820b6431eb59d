"""The trade-offs: what a model costs, quality against it, and their figures."""

"""Trade-offs: quality against what it costs in hardware."""

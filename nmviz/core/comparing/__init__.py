"""Two results side by side: what differs, and whether the difference could be chance."""

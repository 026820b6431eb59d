"""What a view is shared as."""

"""What everything rests on: errors, registries, files written whole, the cache."""

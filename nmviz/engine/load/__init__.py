"""From a name to a model in memory, its sites, and the windows of a text."""

"""A pruned model as files that other tools read."""

"""What pruning does to single answers of tasks."""

"""What pruning does token by token, beyond the mean over a text."""

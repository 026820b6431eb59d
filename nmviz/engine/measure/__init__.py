"""What pruning costs on a text: dense and pruned on the same windows, and how long they take."""

"""Text from the dense and the pruned models, with the weights of dropped inputs really skipped."""

"""Zero-shot tasks by lm-eval around a loaded model, pruned or not."""

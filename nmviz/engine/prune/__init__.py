"""Masks, and what a site computes under one: pruned activations and pruned weights."""

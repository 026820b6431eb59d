"""The tab Explore: one experiment, weights and activations side by side."""

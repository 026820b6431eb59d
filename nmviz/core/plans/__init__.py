"""Plans: which layers are pruned, and to what."""

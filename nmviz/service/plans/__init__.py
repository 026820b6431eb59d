"""Plans: which layers are pruned to what, found again by name or chosen within a budget."""

"""What a pruned decoder costs in hardware: counted from its config, bounded by the roofline."""

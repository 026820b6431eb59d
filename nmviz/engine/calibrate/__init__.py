"""What methods learn of calibration text before they prune."""

"""What several claims are answered with: evidence, estimates, comparisons, phrases."""

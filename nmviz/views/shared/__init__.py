"""What every figure has: the look, how numbers are written, and files to save them in."""

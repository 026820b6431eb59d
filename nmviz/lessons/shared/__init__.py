"""What lessons are made of, and what they are told from."""

"""GGUF files: read whole or refused, and kept as a converted copy."""

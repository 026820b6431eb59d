"""Every table by its name: of results, of two of them, of layers, of published numbers."""

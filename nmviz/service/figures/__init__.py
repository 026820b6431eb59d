"""Every figure by its name: of published numbers, of stored results, of a layer, of two results."""

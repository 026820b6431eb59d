"""Sweeps on Ray: which groups of a schedule are measured where.

Ray places workers, starts them again and brings machines; a process of its own speaks with it
(`driving`), so that nothing it prints or does to its process reaches the command. A worker
(`worker`) measures whole groups as a plain sweep does and writes to the store itself.
"""

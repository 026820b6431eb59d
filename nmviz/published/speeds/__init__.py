"""Speeds that others measured: read, audited, the nearest one looked up."""

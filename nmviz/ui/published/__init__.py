"""The tab Published: printed numbers chosen, drawn, listed, exported."""

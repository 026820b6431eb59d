"""Reports of results: one file for people without Python, one folder for a paper."""

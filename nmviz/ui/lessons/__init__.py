"""The tab "Lessons", and lessons as sheets to print."""

"""The project's documentation, `docs/*.md`, as pages beside the page."""

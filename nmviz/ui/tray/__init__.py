"""The tray: pinned results compared, below every tab."""

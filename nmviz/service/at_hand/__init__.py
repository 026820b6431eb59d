"""Models as questions need them: whole in memory where they fit, else a block at a time."""

"""A pruned model to take along: the folder that other tools read, and what it is asked again."""

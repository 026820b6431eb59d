"""The command line, a file a group of commands. typer is imported here and nowhere else."""

"""Results from files and into files, whole or not at all."""

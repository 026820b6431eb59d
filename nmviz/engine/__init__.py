"""Everything that runs a model. torch is imported here and nowhere above."""

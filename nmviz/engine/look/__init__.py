"""A model looked at from inside: captures of every site, and masks compared."""

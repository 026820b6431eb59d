"""The right column of Explore, a panel a file: what results become there."""

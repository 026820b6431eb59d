"""The left column of Explore: every control, what fits what, and notes under the menus."""

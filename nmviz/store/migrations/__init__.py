"""Alembic's scripts: one file under versions/ for every change of the tables."""

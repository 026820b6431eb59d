"""Commands that write what goes into a paper: figures, tables, a report."""

"""Training runs, and what is made of them: rows, tables, files."""

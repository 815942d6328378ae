"""The rows of the fidelity table, a module for each section or two."""

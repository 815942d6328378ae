"""Pictures as arrays, and the files that hold them. Knows no web and no network."""

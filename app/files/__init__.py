"""Image files on the command line: found, processed side by side, and written whole."""

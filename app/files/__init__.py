"""Image files on the command line: find them, process them side by side, write the results."""

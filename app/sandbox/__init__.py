"""Confined processes that work on callers' bytes and pixels: a crash costs only one job."""

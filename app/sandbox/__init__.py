"""A few confined processes that work on callers' bytes and pixels: a fault costs one job."""

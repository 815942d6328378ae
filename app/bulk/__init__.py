"""Denoise images by the million, from one store to another, on any number of machines."""

"""Denoise millions of images, from one store to another, on any number of machines."""

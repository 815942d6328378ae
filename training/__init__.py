"""Offline training: from a folder of images to a model package that the service loads."""

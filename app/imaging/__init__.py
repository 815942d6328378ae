"""Images as arrays, and their files; independent of the web and of neural networks."""

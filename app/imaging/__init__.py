"""Images as arrays, and the files that contain them; independent of the web and of networks."""

"""Run models: from a package in models/ to denoised images."""

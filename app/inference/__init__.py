"""Models at work: from a package in models/ to denoised pictures."""

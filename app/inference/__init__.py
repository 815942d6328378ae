"""Run models: from the packages in models/ to denoised images."""

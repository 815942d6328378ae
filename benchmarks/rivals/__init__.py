"""Other ways to serve the same model with the same codecs, each as its documentation suggests."""

"""The core of the service: what it has, knows and does, whoever asks for it."""

"""The core of the service, independent of HTTP."""

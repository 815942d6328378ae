"""The service on uvicorn: connections, processes, start and stop."""

"""Run the service on uvicorn: connections, processes, start and stop."""

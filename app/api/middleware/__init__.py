"""Plain ASGI middleware through which every request reaches its route."""

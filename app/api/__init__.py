"""The HTTP interface: routes, schemas, problems, limits and what is observed of them."""

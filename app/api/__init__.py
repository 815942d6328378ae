"""The HTTP interface: routes, schemas, problems, limits and observation."""

"""A REST service that removes noise from pictures."""

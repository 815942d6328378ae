"""Pictures by the million, from one store to another, by as many machines as there are."""

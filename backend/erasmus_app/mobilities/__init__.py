"""A student's mobilities: what the network says of them, and what follows from it."""

"""A small network to play in: authority, login, push service, registry and HEIs on loopback."""

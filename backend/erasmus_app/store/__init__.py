"""Adapter: PostgreSQL for what must last, the Redis protocol for what may be lost."""

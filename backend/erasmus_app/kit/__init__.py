"""Small tools that know nothing of mobilities: clock, languages, backoff."""

"""Doubles of messengers' APIs: strict where the originals are, or their documents say so."""

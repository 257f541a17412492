"""Whom we speak to: students and their devices."""

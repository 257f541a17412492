"""Adapter: push services."""

"""Adapter: OpenID providers, and the tokens that we sign ourselves."""

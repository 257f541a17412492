"""Adapter: partner HEIs through the EWP network. Its messages and errors end here."""

"""Pages for people, and their words in each language."""

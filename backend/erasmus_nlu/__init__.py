"""Understanding a question: its language, what it is about, and how sure that is."""

"""What is held of a student: shown, exported, and forgotten."""

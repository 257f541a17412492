"""Higher education institutions: those that we work for, and those that they send students to."""

"""The Erasmus+ App backend: one record per student, from two universities to one phone."""

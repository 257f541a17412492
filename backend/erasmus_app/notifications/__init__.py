"""Telling the student: what there is to say, in which words, and to whom."""

"""Erasmus Without Paper (EWP) as a toolkit: usable by anyone, free of students and frameworks."""

"""Asking: answers to a student's questions, from their own record and nothing else."""

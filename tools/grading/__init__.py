"""Grading: a submission runs in a sandbox and returns values; the course judges them outside."""

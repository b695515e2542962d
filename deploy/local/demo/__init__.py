"""`make demo`: real messages through every part of an instance of its own, and what became of each."""

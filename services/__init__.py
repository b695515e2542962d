"""The four services. They know nothing of each other."""

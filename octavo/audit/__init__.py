"""The audit: what was accepted, persisted, claimed, taken by providers and settled must come out even.

Every record that the persister has finished must be a row or a dead letter; no row may wait for nothing; nothing may be taken
twice; no partition may stand still. A difference is a loss or a repetition, or a hole in the audit: look at once.
"""

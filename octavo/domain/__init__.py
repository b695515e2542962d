"""The pure domain: no I/O, no clock, no environment. Time and randomness are passed in."""

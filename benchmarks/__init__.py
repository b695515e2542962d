"""How fast each part is, beside a floor that was measured in the same run."""

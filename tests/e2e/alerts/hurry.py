"""The shipped rules, with minutes and hours become seconds, so that nobody waits for them."""

import re

AGES = {60: 5, 120: 5, 3600: 5, 300: 65}
"""What waits is old after these seconds instead. A claim only when it has outlived its lease of 60 s: younger ones are well."""


def hurried(rules: str) -> str:
    """The same rules over a quarter of a minute, without delay, with waits of seconds."""
    rules = re.sub(r"\[\d+[mh]\]", "[15s]", rules)
    rules = re.sub(r"offset \d+m", "offset 15s", rules)
    rules = re.sub(r"(?m)^(\s+for:) \d+[mh]$", r"\1 1s", rules)
    # Shares, counts and rates stay what they are, and the days of a certificate.
    return re.sub(r"(_age_seconds\{[^}]*\}\)) > (\d+)", lambda found: f"{found[1]} > {AGES[int(found[2])]}", rules)

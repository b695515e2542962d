"""Following what became of notifications: lookups, lists, streams, statistics; and withdrawing them."""

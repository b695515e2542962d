"""Services, API keys, guest lists and templates."""

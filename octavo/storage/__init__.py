"""PostgreSQL: the tables, and every query by its name. The only package that knows SQL."""

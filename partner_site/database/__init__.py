"""Django's PostgreSQL engine, whose pooled connections are looked at before use instead of asked."""

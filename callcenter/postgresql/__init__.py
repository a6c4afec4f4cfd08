"""Django's PostgreSQL engine, but for what happens while the server is away (``base``)."""

"""A local Stripe over HTTP, for demonstrations and tests: an API the stock SDK talks to and a small Dashboard."""

"""Tests of the Stripe App itself: its package, and what it and the site say of each other."""

"""A pasted key on its way in: what was pasted, how often that may be, and whether the same key is here already."""

"""Stories from beginning to end, one per file, against the whole site as real processes."""

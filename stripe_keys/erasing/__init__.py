"""What is erased for good: a merchant who closes their account, and what a restore must erase again."""

"""What a laptop needs in place of real servers: PostgreSQL and Redis from wheels, and the processes of the demo.

Nothing here knows the site's code; it starts the site as anybody would, through commands and environment variables.
"""

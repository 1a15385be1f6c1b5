"""What the partner's own systems are told, over real HTTP to a little receiver."""

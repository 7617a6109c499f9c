"""Where data lie, how they arrive, and how images become arrays that open at once."""

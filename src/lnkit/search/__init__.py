"""Search for the points, and weights of points, whose distances agree with people best."""

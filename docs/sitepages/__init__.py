"""The pages of the site that are made from what is registered, so that they cannot fall behind it."""

"""What runs leave behind: records, the folder they lie in, and what is read from them."""

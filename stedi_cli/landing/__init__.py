"""What a landing line is, and which files hold them."""

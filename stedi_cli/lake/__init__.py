"""What a place where a lakehouse lives is made of."""

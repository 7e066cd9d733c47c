"""What is still there of a person, by the bytes; knows nothing of the rest but its errors."""

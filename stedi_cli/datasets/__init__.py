"""Landing data to work with: synthetic, and the public set."""

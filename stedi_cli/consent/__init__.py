"""People's consent: what is held of them, and how it is given and withdrawn."""

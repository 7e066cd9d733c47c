"""What a project's folder says: the model, the settings, and where jobs and data lie."""

"""What the lakehouse needs in the account, one module a resource."""

"""A lakehouse on AWS: S3, Glue and Athena, all through boto3."""

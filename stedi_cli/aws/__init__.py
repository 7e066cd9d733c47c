"""The AWS target: S3, Glue and Athena, all through boto3."""

"""An AWS that is none: boto3, Spark and Trino talk to it over HTTP on this machine.

moto answers for S3, IAM, STS, EC2, Glue, Athena and CloudWatch Logs; what it lacks is added here.
A Glue job run can really run on Spark, an Athena query on Trino. Every call is recorded, any call
can be made to fail, and IAM can be enforced for chosen access keys.
"""

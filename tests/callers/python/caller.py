"""A program that uses AWS by boto3: for each line that it reads, it says who it is, and by which key.

Its words: the name of a profile, and the address of STS.
"""

import sys

import boto3

profile, sts = sys.argv[1:]
session = boto3.Session(profile_name=profile)
client = session.client("sts", endpoint_url=sts)
for _ in sys.stdin:
    credentials = session.get_credentials()
    assert credentials
    print(client.get_caller_identity()["Arn"], credentials.get_frozen_credentials().access_key, flush=True)

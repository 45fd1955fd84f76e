"""IAM documents, made out of the configuration: pure text, no call to AWS, no file.

What the broker may do, who may assume a role, and who is shut out of one.

policy          the text of IAM policies, and its size as AWS counts it
trust           the trust policy of a target's role
broker_policy   the broker's own policy, split where it is too large
missing         what a role that cannot be assumed lacks, as statements for either side
"""

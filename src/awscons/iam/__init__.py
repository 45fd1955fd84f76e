"""IAM documents, made out of the configuration: pure text, no call to AWS, no file.

What the broker may do, who may assume a role, and who is shut out of one.

policy          the text of IAM policies, and its size as AWS counts it
trust           the trust policy of a target's role
federation      the trust in assertions of ours, and the SAML provider that it needs
broker_policy   the broker's own policy, split where it is too large
revocation      an inline policy that ends the role sessions of a person, or of everybody
aws_login       an inline policy that allows `aws login`
freezer         the role that may attach AWSDenyAll to the roles of targets, and nothing else
plan            what has to exist at AWS for a configuration: policies, and on request roles
forms           a plan as JSON files and CloudFormation templates
terraform       a plan as Terraform
drift           what AWS has, compared with what the configuration needs
entitlements    the targets as entitlements of AWS's Account access manager
missing         what a role that cannot be assumed lacks, as statements for either side
"""

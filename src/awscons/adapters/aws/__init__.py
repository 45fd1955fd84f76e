"""The adapters to AWS, and the HTTP client for every outgoing request.

sts_client           AssumeRole and GetCallerIdentity, through botocore's own client
kms_signer           signatures of a key in KMS, through botocore's own client
kms_certificate      the certificate of such a key, for a command
pooled_client        those clients of botocore: their calls go through our HTTP client
sts_refusals         errors of STS, translated
access_denied        what to change when STS denies a role, by AWS's own words
federation_client    getSigninToken
broker_credentials   the broker's own credentials and AWS configuration, by botocore; what failed and why
credential_files     which file of the broker's credentials cannot be used
credential_source    loads credentials once for many sign-ins, in a thread of its own
credential_helper    running a profile's `credential_process`
role_freezer         attaches AWSDenyAll to a role and detaches it, for a command
organizations        the accounts of an AWS organization, for a command
http_pool            the one HTTP client for every outgoing request, also for the metadata of the IdP
kept_connections     which kept connections of that client may carry another request
"""

"""From a target and an identity to a console URL: role sessions, regions, durations, console pages.

broker             credentials and consoles, within the time budget of one sign-in
probe              whether each target's role can be assumed, with credentials that may do nothing
principal          who the broker is to AWS
ports              the broker's ports to STS and to the federation endpoint
opened             what the broker gives: consoles, credentials, tried roles
regional_calls     one piece of work in the first region that answers
failover           time budget, concurrency limit, and a circuit breaker for each region
saml_post          consoles that the browser opens by posting an assertion of ours
assertions         assertions of our own with which AWS opens a role, in place of AWS credentials
role_request       what AssumeRole is asked for: names, tags and policies of a role session
durations          which durations to ask for, and what AWS's rules make of them
last_accepted      which durations AWS accepted last for each target
partitions         AWS's partitions and their hosts
destinations       the console page that a link or target names, and the regions to sign in by
console_url        the login URL
role_credentials   credentials, sign-in tokens and console URLs: values that hide their secrets
settings           what the configuration decides about AWS
"""

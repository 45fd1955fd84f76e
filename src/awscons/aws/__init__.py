"""From a target and an identity to a console URL: role sessions, regions, durations, console pages.

broker             opens a console within its time budget, in the first region that answers
ports              the ports to STS and the federation endpoint
failover           time budget, concurrency limit, and a circuit breaker for each region
role_request       what AssumeRole is asked for: names, tags and policies of a role session
durations          which durations to ask for, and what AWS's rules make of them
partitions         AWS's partitions and their hosts
destinations       the console page that a link or target names, and the regions to sign in by
console_url        the login URL
role_credentials   credentials, sign-in tokens and console URLs: values that hide their secrets
settings           what the configuration decides about AWS
"""

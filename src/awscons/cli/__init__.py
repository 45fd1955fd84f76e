"""The command line: parsing of options, output, and one module for each command.

program            the click tree, with all options and exit codes; it imports a command's module when the command runs
review_commands    the click trees of `awscons access` and `awscons accounts`
accounts_command   `awscons accounts`: write the file of accounts
check_command      `awscons check`: mistakes and warnings in the configuration, and who may open which target
check_report       what `awscons check` prints
doctor_command     `awscons doctor`: whether the service and every target would work, by trying
doctor_report      what `awscons doctor` prints, and reads again
service_surroundings   `awscons check` as the service's user, with its environment variables
access_command     `awscons access`: who can open what, and who did
access_diff_command    `awscons access diff`: what changes for whom
audit_commands     the click tree of `awscons audit`
audit_verify_command   `awscons audit verify`: whether nothing was changed; and its key
audit_show_command `awscons audit show`: who did what, when and why
audit_erase_command    `awscons audit erase`: a copy without what names one person
audit_export_commands   `awscons audit query`, `convert`: our events for other people's tools
audit_files        reads audit logs of any form for these commands
usage_log          reads audit logs for `awscons access --used` and `awscons revoke`
idp_commands       the click tree of `awscons idp`
idp_keys_command   `awscons idp keys`: the keys that sign assertions for AWS
idp_accounts_command   `awscons idp accounts`: which accounts accept which key
iam_commands       the click tree of `awscons iam`
iam_brokers        whose credentials open which target: `--broker`
iam_documents_command   `awscons iam json`, `cloudformation`, `terraform`, `entitlements`
iam_diff_command   `awscons iam diff`: what AWS has, compared with what the configuration needs
reload_command     `awscons reload`: tell the running service to read its configuration again
serve_command      `awscons serve`: the service under gunicorn
demo_command       `awscons demo`: the service with a pretend identity provider and AWS; alone imports `awscons.demo`
login_commands     the click trees of `awscons logins` and `awscons revoke`
logins_command     `awscons logins`: list logins and revoke them
revoke_command     `awscons revoke`: shut out a person, a target or a role
open_sessions      what is open at AWS, for `awscons revoke`
metadata_command   `awscons metadata`: our SAML metadata
keys_command       `awscons keys`: make and rotate our key pairs
explain_command    `awscons saml explain`: every check of a captured SAML response
version_command    `awscons version`: this program, Python and the libraries
service_messages   what `awscons serve` says when it starts or cannot start: sentences or JSON
terminal           options that several commands have, tables, JSON, and escaping for terminals
"""

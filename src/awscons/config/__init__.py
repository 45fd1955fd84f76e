"""Configuration: `config.py` in, frozen values out, every mistake reported together.

schema                   every key with its type, default and description: settings as data
load                     parses the dicts of the file, raises all mistakes together
config_file              runs the file, and modules beside it
outside_values           texts in files and environment variables that the dicts refer to
file_access              who else can write or read the files that the service trusts
environment_file         reads a file of environment variables as systemd does
many_accounts            accounts and patterns of `aws_config`, expanded before it is parsed
accounts                 reads the accounts: a list, or a CSV, JSON or TOML file
accounts_writer          writes the file of accounts
patterns                 expands patterns into targets, and names their mistakes
mistakes                 pydantic's errors in the words of the person who edits the file
checks                   rules that need more than one key
trust_and_keys           the certificates and key folders that the configuration names
assertion_keys           the keys that sign assertions for AWS: a folder, or a key in KMS
sp_keys                  the folder of the service's own key pairs
key_files                writes that folder: its first pair, and each step of a rollover
audit_key_file           the file with the key of the audit log
logo_file                the logo
build                    sections become values
fingerprint              a hash that names a configuration
settings                 Settings, the value that the assembly builds from
configuration_warnings   what is legal, and perhaps not meant
"""

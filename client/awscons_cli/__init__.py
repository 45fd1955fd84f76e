"""The command-line client of awscons: the doors of the portal, in a terminal. Standard library only.

Every command of the AWS CLI, Terraform and the SDKs starts this program anew (`credential_process`), so it starts
fast: modules that cost time (`urllib.request`, `http.server`, `ssl`, `hashlib`, `configparser`) are imported by the
function that uses them, and the way to cached credentials needs none of them.

    program          the parser, the exit statuses, and `main`: from a command line to one function
    errors           what goes wrong: one sentence, a hint, an exit status
    state            the state folder: private files, locks
    logins           the services that a person is signed in to; tokens, and how they are renewed
    token_store      tokens in the system's keyring, or in a file of mode 0600
    http_calls       one HTTP request that answers JSON, or one sentence about why not
    protocol         the addresses and messages of the service
    signing_in       login, logout, status
    loopback         the server that takes one answer of the browser
    browsers         opening pages, and whether a terminal is attached
    doors            list, open
    role_credentials credentials: cached, one call for twenty processes
    agents           whether a coding agent runs this program
    shells           env, exec, completion
    aws_config       the profiles in the file of the AWS CLI, as text
    configuring      configure: from the doors of the service to that file
"""

__version__ = "0.1.0"

SHELLS = ("bash", "zsh", "fish", "powershell")
"""The shells that we can write for."""

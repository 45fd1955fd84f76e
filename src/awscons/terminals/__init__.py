"""Signing in terminals: OAuth 2.0 for native apps, and the logins that follow. It knows no HTTP and no AWS.

A terminal's login is a login of the register, with its machine's name. Whatever ends a person's logins ends it as well.

authorization_request   what a terminal asks the person's browser for: the rules of RFC 6749, 7636 and 8252
terminal_logins         from a code to tokens, their rotation, and the end of a terminal's login
token_records           codes and tokens in the store: hashes, and what they stand for
alarms                  what a person has to be told of their terminals
"""

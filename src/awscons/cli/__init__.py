"""The command line: the click tree, and a file for each command. Commands print, exit and hand over.

program            what can be typed; a command's module is loaded when the command runs
check_command      is the configuration sound, and which target does it open to whom
serve_command      the service
demo_command       the service in its pretend world; the only command that opens it
logins_command     who is signed in, and the end of logins
metadata_command   our SAML metadata
keys_command       our own key pairs, made and rolled over
key_files          the files of those key pairs, written
explain_command    why a captured response would be refused
terminal           tables, JSON and text that a terminal can show
"""

"""The command line: the click tree, and a file for each command. Commands print, exit and hand over.

program          what can be typed; a command's module is loaded when the command runs
check_command    is the configuration sound, and what does it open to whom
serve_command    the service
demo_command     the service in its pretend world; the only command that opens it
logins_command   who is signed in
saml_commands    our metadata, our keys, a captured response
terminal         tables and text that a terminal can show
"""

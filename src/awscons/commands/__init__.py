"""What the commands do. `cli` says what can be typed; a module from here is loaded when its command runs.

check    is the configuration right, and what does it open to whom
serve    the service
demo     the service in its pretend world; the only command that opens it
logins   who is signed in
saml     our metadata, our keys, a captured response
"""

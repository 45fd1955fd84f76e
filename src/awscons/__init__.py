"""Your own single sign-on in front of the AWS console.

Nothing belongs in this file but the version. Start reading at `assembly.service`, which builds everything, or follow
one request: `web.console_views`, `web.login_views`, `signin.login`, `consoles`, `access.decision`, `aws.broker`.
"""

__version__ = "0.1.0"

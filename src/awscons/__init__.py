"""Your own single sign-on in front of the AWS console.

Nothing belongs in this file but the version. Start reading at `assembly`, which
builds everything, or follow one request: `web.console_views`, `web.login_views`,
`login`, `access`, `broker`.
"""

__version__ = "0.1.0"

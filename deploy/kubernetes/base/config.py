"""The configuration, mounted at /etc/awscons. It holds no secret: those are files of the Secret `awscons`."""

session_config = {
    "session_backing": {
        "cache_type": "Redis",
        "host": "redis.example.com",
        "ssl": True,
        "password": {"file": "/run/secrets/awscons/redis-password"},
    },
}

saml_config = {
    "idp_metadata": "https://idp.example.com/metadata",
    "spid": "urn:awscons",
    "acs_url": "https://sso.example.com/saml/acs",
    "assertions": ["groups"],
}

# With the overlays irsa and pod-identity the credentials come from EKS. Elsewhere put them into the Secret, and name
# them: "aws_credentials_file": "/run/secrets/awscons/credentials".
aws_config = {
    "url_prefix": "/aws",
    "targets": [
        {
            "service": "cloudadmin",
            "role": "arn:aws:iam::123456789012:role/MyAdminRole",
            "duration": 3600,
            "groups": ["cloudadmin"],
        },
    ],
}

server_config = {
    "trusted_proxies": 1,
    "metrics_token": {"file": "/run/secrets/awscons/metrics-token"},
}

"""The configuration of the trial. Yours names your identity provider and your roles: see config.py.sample."""

session_config = {
    "session_backing": {
        "cache_type": "Redis",
        "host": "127.0.0.1",
        "password": {"file": "/run/secrets/redis-password"},
    },
}

saml_config = {
    "saml_endpoint": "http://localhost:8000/demo/idp/sso",
    "issuer": "urn:awscons:demo:identity-provider",
    "spid": "urn:awscons:demo",
    "acs_url": "http://localhost:8000/saml/acs",
    "assertions": ["groups", "displayName"],
    "certificate": {"file": "/run/stage/idp.pem"},
}

aws_config = {
    "url_prefix": "/aws",
    "regions": ["eu-west-1", "us-east-1"],
    "aws_profile_name": "cons",
    "aws_credentials_file": "/run/stage/credentials",
    "sts_endpoint": "http://127.0.0.1:8003/demo/aws/{region}/sts/",
    "signin_endpoint": "http://localhost:8000/demo/aws/{region}/federation",
    "accounts": [
        {"id": "123456789012", "name": "Web shop", "environment": "production", "color": "#b42318"},
        {"id": "999999789012", "name": "Playground", "environment": "sandbox", "color": "#067647"},
    ],
    "targets": [
        {
            "service": "cloudadmin",
            "role": "arn:aws:iam::123456789012:role/MyAdminRole",
            "duration": 28800,
            "groups": ["sysadmin", "cloudadmin"],
            "title": "Cloud administrator",
        },
        {
            "service": "sandbox",
            "role": "arn:aws:iam::999999789012:role/DBAdmin",
            "duration": 28800,
            "groups": ["dbs"],
            "title": "Database administrator",
        },
    ],
}

server_config = {"trusted_proxies": 1}

site_config = {"title": "awscons trial"}

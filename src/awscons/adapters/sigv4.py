"""Signature Version 4 for the one kind of request that we sign: a form, posted, without a query.

AWS, "Create a signed AWS API request". A test holds it against botocore's signer, which is for every kind of
request and takes five times as long.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

from botocore.credentials import ReadOnlyCredentials

from awscons.adapters.connections import host_header

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed_headers(
    url: str,
    body: bytes,
    *,
    content_type: str,
    credentials: ReadOnlyCredentials,
    service: str,
    region: str,
    now: datetime,
) -> Mapping[str, str]:
    """The headers that make a POST of `body` to `url` count as ours. They hold the signature, not the key.

    service   as it stands in the signature: `sts`
    now       UTC; AWS takes it for fifteen minutes
    """
    to, stamp = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    signed = {"content-type": content_type, "host": host_header(url), "x-amz-date": stamp}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(signed)
    canonical = "\n".join(
        [
            "POST",
            quote(to.path, safe="/~") or "/",
            "",
            *(f"{name}:{value}" for name, value in signed.items()),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    del signed["host"]  # the connection says it
    return {
        **signed,
        "authorization": f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}",
    }

"""Our signatures are those of botocore, for whatever we sign."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from awscons.adapters.sigv4 import signed_headers

FORM = "application/x-www-form-urlencoded; charset=utf-8"
KEY = ReadOnlyCredentials("AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
SHOWN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def check_same(url: str, body: bytes, credentials: ReadOnlyCredentials, region: str = "eu-west-1") -> None:
    """Both sign; botocore says when."""
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": FORM})
    SigV4Auth(credentials, "sts", region).add_auth(request)
    theirs = {name.lower(): value for name, value in request.headers.items()}
    now = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = signed_headers(
        url, body, content_type=FORM, credentials=credentials, service="sts", region=region, now=now
    )
    assert ours == theirs


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.eu-west-1.amazonaws.com/",
        "https://sts.eu-west-1.amazonaws.com",
        "https://STS.eu-west-1.amazonaws.com:443/",
        "https://vpce-0a1b.sts.eu-west-1.vpce.amazonaws.com:8443/",
        "http://127.0.0.1:8000/eu-west-1/",
        "http://[::1]:8000/",
        "http://localhost:80/a path/é~",
    ],
)
def test_wherever_it_goes(url: str) -> None:
    check_same(url, b"Action=GetCallerIdentity", KEY)


@given(body=st.binary(), key=SHOWN, secret=SHOWN, token=st.none() | SHOWN, region=SHOWN)
def test_whatever_is_signed_by_whomever(
    body: bytes, key: str, secret: str, token: str | None, region: str
) -> None:
    here = "https://sts.amazonaws.com/"
    check_same(here, body, ReadOnlyCredentials(key, secret, token), region.replace("/", "-"))

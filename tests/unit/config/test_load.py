"""Reading `config.py`, and everything that can be wrong with a file."""

from pathlib import Path

import pytest

from awscons.config.load import load_settings
from awscons.errors import ConfigurationError
from support.forge import Forger, pem_of

GOOD = f"""
session_config = {{}}
saml_config = {{
    "saml_endpoint": "https://idp.example.com/sso",
    "spid": "urn:awscons",
    "issuer": "https://idp.example.com/",
    "acs_url": "https://sso.example.com/saml/acs",
    "certificate": '''{pem_of(Forger().certificate)}''',
}}
aws_config = {{"targets": [{{"service": "awsadm", "role": "arn:aws:iam::123456789012:role/MyAdminRole"}}]}}
"""


def report(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environment={})
    return str(caught.value)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.py"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_good_file_gives_settings(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, GOOD), environment={}).targets[0].name == "awsadm"


def test_the_file_may_compute_and_import(tmp_path: Path) -> None:
    text = "import os\nfrom pathlib import Path\nHERE = Path(__file__).parent\n" + GOOD
    assert load_settings(written(tmp_path, text), environment={}).targets


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    assert "copy config.py.sample to config.py" in report(tmp_path / "config.py")


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    assert "may read" in report(tmp_path)


def test_an_empty_file_lacks_all_three_dicts(tmp_path: Path) -> None:
    said = report(written(tmp_path, ""))
    for name in ("session_config", "saml_config", "aws_config"):
        assert name in said


def test_a_misspelt_dict_is_recognised(tmp_path: Path) -> None:
    said = report(written(tmp_path, GOOD.replace("aws_config =", "asw_config =")))
    assert "asw_config" in said
    assert "did you mean 'aws_config'?" in said


def test_a_syntax_error_names_the_line(tmp_path: Path) -> None:
    said = report(written(tmp_path, "x = 1\nsession_config = {\n"))
    assert "config.py, line 2" in said
    assert "valid Python" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nx = y\n", "line 2"),
        ("import os\n\nx = os.environ['NOT_THERE_AT_ALL']\n", "KeyError: 'NOT_THERE_AT_ALL'"),
        ("raise SystemExit(3)\n", "SystemExit"),
        (b"x = '\xff'\n", "config.py"),
        (b"x = 1\x00\n", "config.py"),
    ],
)
def test_a_file_that_fails_while_it_runs_says_where_and_how(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    quote_for_log = report(written(tmp_path, text))
    assert said in quote_for_log
    assert "Traceback" not in quote_for_log

"""The rules of systemd's EnvironmentFile."""

import pytest

from awscons.config.environment_file import parse_environment_file


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB=two words \n", {"A": "1", "B": "two words"}),
        ("# A=1\n  ; B=2\n\nC\nD=4", {"D": "4"}),
        ("A=\nB=2\n", {"A": "", "B": "2"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A='x  # \\n \"y\" '\n", {"A": 'x  # \\n "y" '}),
        ("A='two\nlines'\nB=2\n", {"A": "two\nlines", "B": "2"}),
        ('A="x \\"y\\" \\\\ \\$Z \\n"\n', {"A": 'x "y" \\ $Z \\n'}),
        ('A="one\\\n two"\n', {"A": "one two"}),
        ("A=one\\\ntwo\nB=2\n", {"A": "onetwo", "B": "2"}),
        ("A=a\\ b\\\\c\n", {"A": "a b\\c"}),
        ('A=it\'s "so"\n', {"A": 'it\'s "so"'}),
        ("A='a'\"b\"c\n", {"A": "abc"}),
        (" A = 1 \r\n", {"A": "1"}),
        ("1A=1\nexport B=2\nC=$D\n", {"C": "$D"}),
        ("A=x=y#z\n", {"A": "x=y#z"}),
    ],
)
def test_a_file_is_read_as_systemd_reads_it(text: str, variables: dict[str, str]) -> None:
    assert parse_environment_file(text) == variables

"""Writes configuration.md from the settings themselves: `make reference`. A test compares the two."""

from __future__ import annotations

import inspect
import types
import typing
from pathlib import Path

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from awscons.access.groups import PathFormat
from awscons.config import schema

PAGE = Path(__file__).with_name("configuration.md")

INTRODUCTION = """# Configuration

<!-- Written by `make reference` from the settings themselves. Edit src/awscons/config/schema/ instead. -->

The configuration is a Python file, `config.py`, with three required dicts (`session_config`, `saml_config`,
`aws_config`) and two optional ones: `server_config`, and `site_config` for what people see. It is beside `app.py`, or
in the directory from which `awscons` is started; `--config` or the environment variable `AWSCONS_CONFIG` name another
file. Start from `config.py.sample`.

`awscons check` reports every mistake at once and shows who may open what. The service does not start with a
configuration that has mistakes.

**The file is a program.** The service runs it with its own rights, once in each process. It may compute, read
environment variables and import modules that lie beside it (`from team_groups import GROUPS` reads `team_groups.py`).
So only root or the service's user may be able to write it. If every user of the host can write the file, its folder or
such a module, the service does not start; if a group can, that is a warning. The same holds for the state folder and
for the folder of the store: a user who can write there can sign in as anybody.

**Passwords and other texts can stand elsewhere.** Wherever a key takes a text, `{"file": "/run/secrets/redis"}` takes
the content of that file and `{"env": "REDIS_PASSWORD"}` the value of that environment variable, without white space at
the ends. A relative path starts at the folder of `config.py`. A value from elsewhere appears in no report of a mistake.
If every user of the host can read such a file, or a `config.py` with a password in it, that is a warning.

```python
session_config = {"session_backing": {"cache_type": "Redis", "password": {"file": "/run/secrets/redis"}}}
server_config = {"metrics_token": {"env": "METRICS_TOKEN"}}
```
"""

ENVIRONMENT = """## Environment

| variable | meaning |
|---|---|
| `AWSCONS_CONFIG` | Path of the configuration, for `awscons` and for `awscons.wsgi:application`. Default: `config.py`. |
| `ACS_ENDPOINT` | Overrides `saml_config["acs_url"]`. |
| `STATE_DIRECTORY` | Folder of the embedded store; systemd sets it. Default: the user's state folder. |
| `LOGS_DIRECTORY` | Folder for `audit_log`, by which `awscons check` knows that systemd makes it; systemd sets it. |
| `RUNTIME_DIRECTORY` | Folder of `awscons.pid`, by which `awscons reload` finds the service; systemd sets it. Default: \
the state folder. |
| `AWSCONS_DEBUG` | `1`, `true` or `yes`: debug lines in the log (without secrets), and the page `/saml/whoami`. |
| `DEBUG` | The same, if `AWSCONS_DEBUG` is not set, with a warning in the log. |
| `AWS_CA_BUNDLE` | File of the certificates to trust at AWS, PEM, for STS and the federation endpoint, as the profile's \
`ca_bundle` does. For the metadata of the identity provider they are trusted in addition to those of the operating system, unless \
`idp_metadata_ca` is set. |
| `REQUESTS_CA_BUNDLE` | The same, if neither `AWS_CA_BUNDLE` nor `ca_bundle` is set, as in every AWS SDK for Python. |
| `HTTPS_PROXY`, `NO_PROXY` | The proxy for AWS and for the identity provider's metadata, `http://user:password@host:port` or `host:port`; \
hosts and domains to reach without a proxy. [Behind a proxy](../how-to/proxies.md) has the rules. |
| `AWS_DEFAULT_REGION`, `AWS_REGION` | The region to call if `regions` is empty. `AWS_DEFAULT_REGION` takes precedence over the profile's \
`region`, which takes precedence over `AWS_REGION`. |
| `AWS_DEFAULT_PROFILE`, `AWS_PROFILE` | The profile, if `aws_profile_name` is not set. |
| `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL` | The URL of STS, if it is not the one of AWS, as in every AWS SDK. |
| `AWS_ACCESS_KEY_ID`, `AWS_…` | Every other variable that botocore reads: credentials, `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`. |
"""

TYPE_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "True or False",
    PathFormat: '`"path"`, `{"domain": …}` or `{"dn": …}`',
}


def type_words(annotation: object) -> str:
    """A type as the reference words it."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return type_words(typing.get_args(annotation)[0])
    if origin in {typing.Union, types.UnionType}:
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return type_words(kinds[0])
    if origin in {list, dict}:
        entry = typing.get_args(annotation)[-1]
        entries = {
            schema.TargetSection: "list of targets",
            schema.AccountSection: "list of accounts",
            schema.PatternSection: "list of patterns",
            schema.PartitionSection: "dict of partitions",
        }
        return entries.get(entry) or f"{origin.__name__} of {type_words(entry)}"
    if origin is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, schema.Section):
        return "dict"
    return TYPE_WORDS.get(annotation, "anything")


def default_words(field: FieldInfo) -> str:
    """A default as the reference words it."""
    if field.default_factory is not None:
        return '`{"cache_type": "SQLite"}`'
    if field.default is PydanticUndefined:
        return "*required*"
    if isinstance(field.default, str):
        return f'`"{field.default}"`'
    if isinstance(field.default, int) and "Permissions" in (field.description or ""):
        return f"`{oct(field.default)}`"
    return f"`{field.default}`"


def table(section: type[schema.Section]) -> str:
    """The keys of one dict."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    # What a kind of store has in common with others comes last.
    distance = {
        name: number for number, kind in enumerate(section.__mro__) for name in inspect.get_annotations(kind)
    }
    for name, field in sorted(section.model_fields.items(), key=lambda item: distance[item[0]]):
        takes_a_list = any(isinstance(mark, BeforeValidator) for mark in field.metadata)
        kind = type_words(field.annotation)
        kind = f"list or {kind}" if takes_a_list and kind.startswith("dict of") else kind
        words = (kind, default_words(field), field.description or "")
        rows.append(f"| `{name}` | {' | '.join(words)} |")
    return "\n".join(rows) + "\n"


def documentation(section: type[schema.Section]) -> str:
    """What a section is for: its docstring."""
    return (section.__doc__ or "").strip()


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name, section in schema.SECTIONS.items():
        parts += [f"## `{name}`\n", documentation(section) + "\n", table(section)]
        if section is schema.SessionSection:
            parts.append("### `session_backing`: where logins are stored\n")
            for backing in dict.fromkeys(schema.BACKINGS.values()):
                kind = type_words(backing.model_fields["cache_type"].annotation)
                parts += [f"#### {kind}\n", documentation(backing) + "\n", table(backing)]
        if section is schema.AwsSection:
            parts += [
                "### `identity_provider`: without any AWS key\n",
                documentation(schema.IdentityProviderSection) + "\n",
                table(schema.IdentityProviderSection),
                "### A partition\n",
                documentation(schema.PartitionSection) + "\n",
                table(schema.PartitionSection),
                "### A target\n",
                documentation(schema.TargetSection) + "\n",
                table(schema.TargetSection),
                "### `cli` of a target: credentials in terminals\n",
                documentation(schema.CommandLineSection) + "\n",
                table(schema.CommandLineSection),
                "### `agent`: coding agents in terminals\n",
                documentation(schema.AgentSection) + "\n",
                table(schema.AgentSection),
            ]
        if section is schema.ServerSection:
            parts += [
                "### `webhook`: tell somebody at once\n",
                documentation(schema.WebhookSection) + "\n",
                table(schema.WebhookSection),
            ]
        if section is schema.SiteSection:
            parts += [
                "### An account\n",
                documentation(schema.AccountSection) + "\n",
                table(schema.AccountSection),
            ]
    return "\n".join([*parts, ENVIRONMENT])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

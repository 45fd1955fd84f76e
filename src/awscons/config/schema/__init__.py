"""Every key of the configuration, as data: type, default, limits, description.

The reference page, `awscons check` and the test that compares them read these models, so a key that
stands here is a documented key. Rules that need more than one key are in `config.checks`.

base             the strict dict, and the types that several sections share
session_section  `session_config`, with each kind of store
redis_url        the URL of Redis or Valkey
saml_section     `saml_config`
aws_section      `aws_config`, with partitions
target_section   the targets of `aws_config`
command_line_section   credentials of a target in terminals
pattern_section  accounts and patterns of `aws_config`
server_section   `server_config`
site_section     `site_config`
"""

from awscons.config.schema.aws_section import AwsSection, IdentityProviderSection, PartitionSection
from awscons.config.schema.base import Section
from awscons.config.schema.command_line_section import AgentSection, CommandLineSection
from awscons.config.schema.pattern_section import (
    AccountSection,
    PatternSection,
    RoleSection,
    SelectionSection,
)
from awscons.config.schema.redis_url import RedisKind, RedisPlace
from awscons.config.schema.saml_section import OrganizationSection, SamlSection
from awscons.config.schema.server_section import ServerSection, WebhookSection
from awscons.config.schema.session_section import (
    BACKINGS,
    Backing,
    DynamoDBBacking,
    FileSystemBacking,
    MemcachedBacking,
    NetworkBacking,
    RedisBacking,
    SessionSection,
    SimpleBacking,
    SqliteBacking,
)
from awscons.config.schema.site_section import SiteSection
from awscons.config.schema.target_section import TargetSection

SECTIONS: dict[str, type[Section]] = {
    "session_config": SessionSection,
    "saml_config": SamlSection,
    "aws_config": AwsSection,
    "server_config": ServerSection,
    "site_config": SiteSection,
}
"""The dicts by their names in the file, in the order of the reference page."""

__all__ = [
    "BACKINGS",
    "SECTIONS",
    "AccountSection",
    "AgentSection",
    "AwsSection",
    "Backing",
    "CommandLineSection",
    "DynamoDBBacking",
    "FileSystemBacking",
    "IdentityProviderSection",
    "MemcachedBacking",
    "NetworkBacking",
    "OrganizationSection",
    "PartitionSection",
    "PatternSection",
    "RedisBacking",
    "RedisKind",
    "RedisPlace",
    "RoleSection",
    "SamlSection",
    "Section",
    "SelectionSection",
    "ServerSection",
    "SessionSection",
    "SimpleBacking",
    "SiteSection",
    "SqliteBacking",
    "TargetSection",
    "WebhookSection",
]

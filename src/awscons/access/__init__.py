"""Who may open what: values, and one decision that always says why.

targets    a target is a named door to one IAM role
identity   the person that a verified assertion speaks of, and the login that follows
attributes which attribute a name means, and which values count
groups     how group names are normalized
distinguished_names   DNs of a directory, which some group names are
decision   may this identity open this target
command_line   what a terminal gets of a target
target_index   which targets may this identity open, without asking all of them
report     who can open what, for people who review access
comparison what changes for whom between two configurations
step_up    must this person authenticate again first
"""

"""Settings: `config.py` in, frozen values out, every mistake reported together.

schema      every key there is, with its type, default and description: settings as data
mistakes    what is wrong, worded for the person who edits the file
settings    the frozen values that the assembly builds from
load        reading the file
"""

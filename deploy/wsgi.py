"""The WSGI file for Apache and other WSGI servers: /etc/awscons/wsgi.py, beside `config.py`."""

from pathlib import Path

from awscons.wsgi import load_application

application = load_application(Path(__file__).with_name("config.py"))

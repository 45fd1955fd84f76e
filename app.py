"""The entry points of AWScons 1: `python3 app.py` serves port 8000 for a trial; WSGI servers use `app.application`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "src"))

if __name__ == "__main__":
    from awscons.cli.program import main

    main(["serve", "--config", str(HERE / "config.py"), *sys.argv[1:]])
else:
    from awscons.wsgi import load_application

    application = load_application(HERE / "config.py")

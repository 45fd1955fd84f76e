"""The origin's door: `python3 app.py` for a test on port 8000, `app.application` for any WSGI server."""

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

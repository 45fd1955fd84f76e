"""`python3 -m awscons`: the same as the command `awscons`."""

from awscons.cli.program import main

if __name__ == "__main__":
    main()

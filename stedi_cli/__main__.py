"""Runs the command line as ``python -m stedi_cli``."""

from stedi_cli.cli import main

if __name__ == "__main__":
    main()

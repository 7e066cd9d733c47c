"""``python -m sandbox fetch|demo|serve``: what the AWS sandbox needs, and the sandbox by itself.

``fetch`` brings what job runs and queries need, and says what is missing; ``demo`` shows the four
commands in an account that is none; ``serve`` keeps such an account until somebody ends it.
"""

from __future__ import annotations

import sys

from sandbox import archives


def main(command: str) -> None:
    """Do what the command line asks for."""
    if command == "fetch":
        archives.fetch()
        for lacking in filter(None, (archives.missing_for_spark(), archives.missing_for_trino())):
            print(lacking, file=sys.stderr)
        return
    from sandbox.demo import account, demo, serve

    if command == "serve":
        serve()
    elif command == "demo":
        with account() as sandbox:
            demo(sandbox)
    else:
        raise SystemExit("python -m sandbox fetch|demo|serve")


main(" ".join(sys.argv[1:]))

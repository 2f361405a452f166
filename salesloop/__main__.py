"""``python -m salesloop``: the commands, or a word on what is missing."""

import sys


def main() -> int:
    """Run the command line; without the packages of the lock, say how to get them."""
    try:
        from salesloop.cli import main as run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("salesloop"):
            raise
        print(f"package {error.name}: found none; next: python3 salesloop/bootstrap.py, then .venv/bin/python -m salesloop",
              file=sys.stderr)  # fmt: skip
        return 2
    return run()


if __name__ == "__main__":
    sys.exit(main())

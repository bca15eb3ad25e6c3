"""`python -m freezeguard` is the command line."""

from freezeguard.cli.main import main

if __name__ == "__main__":
    main()

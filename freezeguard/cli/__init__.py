"""The command line. Every command takes `--json`; see `freezeguard.cli.failures` for exit codes."""

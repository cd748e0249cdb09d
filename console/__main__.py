"""`python -m console` is `kvconsole`."""

from console.cli import main

main()

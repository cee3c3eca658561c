"""`python -m gpulint`."""

from gpulint.cli import main

if __name__ == "__main__":
    main()

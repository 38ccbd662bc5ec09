"""`python -m modelward` is `modelward`."""

from modelward.cli.app import main

if __name__ == "__main__":
    main()

"""``python -m vegas_data`` is ``vegas-data``."""

from vegas_data.cli.main import main

if __name__ == "__main__":
    main()

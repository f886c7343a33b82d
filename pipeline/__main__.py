"""``python -m pipeline``."""

import sys

if __name__ == "__main__":
    try:
        from pipeline.cli import main
    except KeyboardInterrupt:
        sys.exit(130)
    main()

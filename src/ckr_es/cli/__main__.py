"""`python -m ckr_es.cli`, for where the script `ckr` is not on the path."""

from ckr_es.cli import main

if __name__ == "__main__":
    main()

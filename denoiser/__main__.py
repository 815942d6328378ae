"""`python -m denoiser` is the command `denoiser`."""

import sys

from denoiser import main

if __name__ == "__main__":
    sys.exit(main())

"""What an installation is called: `import denoiser`, `python -m denoiser`, the command `denoiser`.

The code calls itself `app` and `training`, names that other projects have, too. A wheel therefore
holds both in the folder `code` of this package, with the models, and installs nothing beside it
that is called so; here that folder is put on the path, and its packages are found below this one,
too. In a checkout all lie beside this package instead.
"""

import os
import sys
from pathlib import Path

_CODE = str(Path(__file__).resolve().parent / "code")

if Path(_CODE).is_dir() and _CODE not in sys.path:
    sys.path.insert(0, _CODE)
    __path__.append(_CODE)


def main() -> int:
    """Runs the command line; returns the exit code, or ends the process where it was stopped."""
    from app.batch import STOPPED
    from app.cli import main as run

    code = run()
    if code == STOPPED:  # by Ctrl-C, which does not wait for the pictures that threads work on
        sys.stdout.flush()
        os._exit(code)
    return code

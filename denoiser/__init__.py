"""The name of an installation: `import denoiser`, `python -m denoiser`, and the command `denoiser`.

The code uses the package names `app` and `training`, which other projects have, too. A wheel
therefore contains both, and the models, in the folder `code` of this package, and installs nothing
else under those names; this module puts the folder on the path, and makes its packages submodules
of this one, too. In a checkout, all of them lie beside this package.
"""

import os
import sys
from pathlib import Path

_STOPPED = 130
"""The exit code after Ctrl-C, `app.console.STOPPED`: importing that is what may be stopped."""

_CODE = str(Path(__file__).resolve().parent / "code")

if Path(_CODE).is_dir():
    __path__.append(_CODE)
    if _CODE not in sys.path:
        sys.path.insert(0, _CODE)


def main() -> int:
    """Run the command line; return the exit code, or end the process if it was stopped."""
    try:
        code = _run()
    except KeyboardInterrupt:  # while modules are imported
        code = _STOPPED
    if code == _STOPPED:  # by Ctrl-C, which does not wait for the images that threads work on
        sys.stdout.flush()
        os._exit(code)
    return code


def _run() -> int:
    from app import huge_pages

    huge_pages.use()

    from app.streams import open_streams

    open_streams()

    from app.cli import main as run

    return run()

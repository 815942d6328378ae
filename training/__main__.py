"""python -m training train | report | evaluate | package"""

import sys

from training.cli import main

sys.exit(main())

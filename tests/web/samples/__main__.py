"""Write the drawings: python -m tests.web.samples"""

from tests.web.samples import write

write()

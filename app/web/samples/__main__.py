"""Write the drawings: python -m app.web.samples"""

from app.web.samples import write

write()

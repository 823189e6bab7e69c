"""Reports of a quarter or a year (concept, section 8, rows 11 and 12), as JSON, XLSX and PDF of one report object.

Natural persons are rows without name and INN: their identity lies in the vault and can be erased, and a submitted
report must stay the same bytes after that. A report with their names, for use within the centre, is not made here.
"""

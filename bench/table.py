"""Lines of the report."""

import json


def load(path):
    return json.loads(path.read_text()) if path.exists() else None


def number(value, unit="", digits=1):
    return f"{value:,.{digits}f}{unit}" if value is not None else "-"


def row(first, *cells, widths=(34, 16)):
    print(f"  {first:<{widths[0]}}" + "".join(f"{cell:>{widths[1]}}" for cell in cells))

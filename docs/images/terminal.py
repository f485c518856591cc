"""Turns what a terminal shows (text with ANSI colours, on standard input) into an SVG file.

    terminal.py TITLE COLUMNS FILE
"""

import io
import re
import sys

from rich.console import Console
from rich.text import Text

title, columns, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines = sys.stdin.read().split("\n")
# Without the prompt for the next command.
while lines and re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]).strip() in ("", "$"):
    lines.pop()
console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
svg = console.export_svg(title=title, unique_id="terminal")
# No fonts from elsewhere: the picture is the same without a network.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace")
with open(file, "w", encoding="utf-8") as out:
    out.write(svg)

#!/usr/bin/python3
"""Prints C files as "FILE:LINE: code" with comments and the contents of strings taken out. Used by banned.sh."""
import re
import sys

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    text = match.group()
    if text[0] in "\"'":
        return text[0] * 2
    return "\n" * text.count("\n") or " "


for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        code = TOKEN.sub(blank, file.read())
    for number, line in enumerate(code.split("\n"), 1):
        if line.strip():
            print("%s:%d:%s" % (name, number, line))

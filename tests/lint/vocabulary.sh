#!/bin/sh
# Proves that the manual pages name all of the vocabulary. Run by make check; see vocabulary.py.
: "${srcdir:=.}"
: "${PYTHON:=python3}"
command -v "$PYTHON" >/dev/null || { echo "vocabulary: skipped, $PYTHON is missing"; exit 77; }
exec "$PYTHON" "$srcdir/tests/lint/vocabulary.py" "$srcdir"

#!/bin/sh
# make lint: the checkers that know nothing of Mailreeve. Each tool that is missing is named and passed over.
# Usage: lint.sh SOURCE [TOOL...], in the build folder. Exit status 0: nothing found.
source=${1:-.}
[ $# -gt 0 ] && shift
# shellcheck disable=SC2317 # the functions are called by the names of the tools
tools=${*:-cppcheck clang-tidy mandoc shellcheck python}
: "${PYTHON:=python3}"
setting() { sed -n "s/^$1 = //p" Makefile 2>/dev/null | head -n 1; }
faults=0
skipped=

have() {
	command -v "$1" >/dev/null && return 0
	skipped="$skipped $1"
	return 1
}
# report NAME STATUS
report() {
	if [ "$2" -eq 0 ]; then
		echo "lint: $1: nothing found"
	else
		echo "lint: $1: see above"
		faults=1
	fi
}
sources() { find "$source/lib" "$source/milter" "$source/tests/bench" "$source/tests/fuzz" -name '*.c' | sort; }

lint_cppcheck() {
	have cppcheck || return
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppressions-list="$source/tests/lint/cppcheck.suppress" -D_GNU_SOURCE -j 2 -I "$source/lib" "$source/lib" "$source/milter"
	report cppcheck $?
}
lint_clang_tidy() {
	have clang-tidy || return
	# shellcheck disable=SC2046 # words
	clang-tidy --quiet --config-file="$source/tests/lint/clang-tidy.yaml" --warnings-as-errors='*' $(sources) -- -std=c11 \
		-D_GNU_SOURCE -DMR_SYSCONFDIR='""' -DMR_LOCALSTATEDIR='""' -DMR_DATADIR='""' -I"$source/lib" -I"$source/milter" -I. 2>/dev/null
	report clang-tidy $?
}
lint_mandoc() {
	have mandoc || return
	pages=$(find "$source" -name '*.[1358]' -not -path '*/.git/*' -not -path '*/autom4te.cache/*' | sort)
	# a page of ours is not installed here, and not every system has the others: manual.sh looks after references
	# shellcheck disable=SC2086 # words
	! mandoc -Tlint $pages | grep -vE 'referenced manual not found|outdated mandoc.db'
	report "mandoc ($(echo "$pages" | wc -w) pages)" $?
}
lint_shellcheck() {
	have shellcheck || return
	# shellcheck disable=SC2046 # words
	shellcheck --severity=warning $(grep -lE '^#! ?/(usr/)?bin/(env )?(ba)?sh' $(find "$source/tests" "$source/contrib" "$source/.ci" -type f -size -200k \
		-not -path '*/build-aux/*' 2>/dev/null))
	report shellcheck $?
}
lint_python() {
	have "$PYTHON" || return
	find "$source/tests" "$source/contrib" -name '*.py' -not -path '*/build-aux/*' | sort |
		xargs "$PYTHON" -c 'import sys
status = 0
for name in sys.argv[1:]:
    try:
        compile(open(name, encoding="utf-8").read(), name, "exec")
    except SyntaxError as fault:
        print("%s:%s: %s" % (name, fault.lineno, fault.msg))
        status = 1
sys.exit(status)'
	report python $?
}

for tool in $tools; do
	"lint_$(echo "$tool" | tr - _)"
done
[ -z "$skipped" ] || echo "lint: not installed, so passed over:$skipped"
exit $faults

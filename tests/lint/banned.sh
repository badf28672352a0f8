#!/bin/sh
# Finds calls and constants that no file of lib/ and milter/ may use, and clock reads in lib/. Run by make check.
: "${srcdir:=.}"
: "${PYTHON:=python3}"
cd "$srcdir" || exit 1
command -v "$PYTHON" >/dev/null || { echo "banned: skipped, $PYTHON is missing"; exit 77; }
code=$(find lib milter -name '*.[ch]' | sort | xargs "$PYTHON" tests/lint/strip.py) || exit 1
faults=0

# find_in PLACES PATTERN WHY: prints every line of PLACES (a regular expression for paths) that has PATTERN as a word
find_in() {
	hits=$(printf '%s\n' "$code" | grep -E "^$1" | grep -E "^[^:]*:[0-9]+:(.*[^A-Za-z0-9_])?($2)")
	if [ -n "$hits" ]; then
		printf '%s\n' "$hits" | sed "s|\$|	<- $3|"
		faults=1
	fi
}

any='(lib|milter)/'
find_in $any '(system|popen|execlp|execvp|execvpe) *\(' 'no shell, no search path'
find_in $any '(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strncat) *\(' 'unbounded: use lib/base/buffer.h or snprintf'
find_in $any '(strtok|strtok_r) *\(' 'use lib/base/str.h'
find_in $any '(atoi|atol|atoll|atof) *\(' 'says nothing of faults: use strtol and check'
find_in $any '(gethostbyname|gethostbyaddr|inet_ntoa|inet_addr) *\(' 'not safe in threads, or waits for DNS'
find_in $any '(localtime|gmtime|ctime|asctime|strerror_l|readdir_r) *\(' 'not safe in threads: use the _r form'
find_in $any '(tmpnam|tempnam|mktemp|alloca|longjmp|setjmp) *\(' 'not here'
find_in $any 'SMFIS_ACCEPT|SMFIS_DISCARD' 'would end the checks of this message or connection'
find_in 'lib/' '(time|gettimeofday|clock_gettime|clock|timespec_get|ftime) *\(' 'the library reads no clock: time is an argument'
find_in 'lib/' '(printf|fprintf|vfprintf|puts|putchar|perror|syslog|vsyslog|abort|exit|_exit) *\(' 'the library says nothing by itself and ends no process'
hooks=$(printf '%s\n' "$code" | grep -vE '^milter/(hook|ctl/release)\.c:')
(code=$hooks; faults=0; find_in $any '(vfork|execv|execve|execl|execle|fexecve|posix_spawn|posix_spawnp) *\(' 'only milter/hook.c and milter/ctl/release.c start programs'; exit $faults) || faults=1
code=$(printf '%s\n' "$code" | grep -vE '^milter/(clock\.c:|ctl/)')
find_in 'milter/' '(clock_gettime|gettimeofday|time|timespec_get) *\(' 'in the daemon only milter/clock.c reads the clock'
lines=$(printf '%s\n' "$code" | wc -l)
if [ "$lines" -lt 500 ]; then
	echo "banned: found only $lines lines of code: is this the source folder?"
	exit 1
fi
echo "banned: $lines lines of code looked at"
exit "$faults"

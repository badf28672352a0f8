#!/bin/sh
# Proves that lib/core is pure. Its objects are compiled apart, without sanitizers, and looked at:
# * what they need of the C library is in the list below, all else is ours;
# * they hold no data that can be written;
# * what they reach in lib/base and lib/model, over any number of steps, does no I/O and reads no clock, environment or
#   random source.
# Run by make check; prints what is wrong.
: "${srcdir:=.}"
setting() { sed -n "s/^$1 = //p" Makefile 2>/dev/null | head -n 1; }
[ -n "$CC" ] || CC=$(setting CC)
: "${CC:=cc}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
flags="-std=c11 -D_GNU_SOURCE -O2 -w -I$srcdir/lib -I. $(setting SODIUM_CFLAGS) $(setting IDN2_CFLAGS)"
for file in "$srcdir"/lib/core/*.c "$srcdir"/lib/base/*.c "$srcdir"/lib/model/*.c; do
	room=$(basename "$(dirname "$file")")
	# shellcheck disable=SC2086 # the flags are words
	$CC $flags -c "$file" -o "$work/$room-$(basename "$file" .c).o" || exit 1
done
ls "$work"/core-*.o >/dev/null 2>&1 || { echo "purity: lib/core has no files"; exit 1; }

# lines "OBJECT TYPE NAME": U for what an object needs, T for code, D and B for data that can be written
for object in "$work"/*.o; do
	nm "$object" | awk -v object="$(basename "$object" .o)" '{ print object, $(NF - 1), $NF }'
done >"$work/symbols"

awk '
BEGIN {
	n = split("memchr memcmp memcpy memmove memset memrchr memmem strlen strnlen strcmp strncmp strchr strrchr strspn " \
		  "strcspn strpbrk strstr qsort bsearch __stack_chk_fail __assert_fail __memcpy_chk __memmove_chk __memset_chk " \
		  "_GLOBAL_OFFSET_TABLE_", word, " ")
	for (i = 1; i <= n; i++) allowed[word[i]] = 1
	n = split("open openat open64 fopen read write pread pwrite close stat fstat lstat socket connect send recv poll select " \
		  "printf fprintf vprintf puts fputs fwrite fread syslog vsyslog time clock_gettime gettimeofday clock getenv " \
		  "secure_getenv setlocale random rand arc4random getrandom randombytes_buf pthread_mutex_lock fork execve " \
		  "system popen sleep usleep nanosleep ioctl mmap getpid getuid __fprintf_chk __printf_chk", word, " ")
	for (i = 1; i <= n; i++) forbidden[word[i]] = 1
}
{ name = $3; sub(/^.*\//, "", $1) }
$2 == "U" { needs[$1] = needs[$1] " " name; next }
$2 ~ /^[TW]$/ { home[name] = $1 }
$2 ~ /^[DBdbC]$/ && $1 ~ /^core-/ { print "lib/core/" substr($1, 6) ".c: " name " can be written: the core keeps nothing"; faults++ }
END {
	for (object in needs) {
		if (object !~ /^core-/) continue
		seen[object] = 1
		queue[++last] = object
		n = split(needs[object], word, " ")
		for (i = 1; i <= n; i++)
			if (!(word[i] in home) && !(word[i] in allowed)) {
				print "lib/core/" substr(object, 6) ".c: needs " word[i] ", which is not in the list of tests/lint/purity.sh"
				faults++
			}
	}
	for (at = 1; at <= last; at++) {
		n = split(needs[queue[at]], word, " ")
		for (i = 1; i <= n; i++) {
			if (word[i] in forbidden) {
				print queue[at] ": needs " word[i] ", and lib/core reaches it"
				faults++
			}
			if (word[i] in home && !(home[word[i]] in seen)) {
				seen[home[word[i]]] = 1
				queue[++last] = home[word[i]]
			}
		}
	}
	print "purity: " last " objects of lib/core and under it looked at, " faults + 0 " faults"
	exit faults > 0
}' "$work/symbols"

#!/bin/sh
# Proves that the library exports what lib/mailreeve.sym lists and lib/mailreeve.h declares, no more and no less, and
# that no exported name is one of libmilter's too (libmilter exports a good part of sendmail). Run by make check.
: "${srcdir:=.}"
library=lib/.libs/libmailreeve.so
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
faults=0

if ! [ -e "$library" ]; then
	echo "exports: skipped, $library is not built"
	exit 77
fi
exported() { nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort -u; }
exported "$library" | grep -vE '^(__(asan|ubsan|tsan|sancov|start|stop|odr)|_init$|_fini$|__bss_start$|_edata$|_end$)' >"$work/library"
LC_ALL=C sort -u "$srcdir/lib/mailreeve.sym" >"$work/list"
sed 's|/\*.*\*/||' "$srcdir/lib/mailreeve.h" | grep -v typedef | grep -oE '\bmr_[a-z0-9_]+ *\(' | tr -d ' (' |
	LC_ALL=C sort -u >"$work/header"
# differ A B WHAT: names that are in A and not in B
differ() {
	LC_ALL=C comm -23 "$work/$1" "$work/$2" >"$work/only"
	if [ -s "$work/only" ]; then
		sed "s|^|$3: |" "$work/only"
		faults=1
	fi
}
# a comment may name a function, so the header may seem to declare more than it does: only one way is proven there
differ library list "$library exports what lib/mailreeve.sym does not list"
differ list library "lib/mailreeve.sym lists what $library does not export"
differ list header "lib/mailreeve.sym lists what lib/mailreeve.h does not declare"
differ header list "lib/mailreeve.h names what lib/mailreeve.sym does not list"
libmilter=$(ldd milter/.libs/mailreeved 2>/dev/null | awk '/libmilter/ { print $3 }')
for file in /usr/lib/*/libmilter.so /usr/lib/libmilter.so /usr/lib64/libmilter.so; do
	[ -n "$libmilter" ] || ! [ -e "$file" ] || libmilter=$file
done
if [ -n "$libmilter" ]; then
	exported "$libmilter" >"$work/milter"
	for object in "$library" milter/.libs/mailreeved milter/mailreeved; do
		[ -e "$object" ] || continue
		exported "$object" 2>/dev/null | grep -vE '^(_init|_fini|__bss_start|_edata|_end|environ)$' >"$work/ours"
		LC_ALL=C comm -12 "$work/ours" "$work/milter" | grep -v '^_' >"$work/only"
		if [ -s "$work/only" ]; then
			sed "s|^|$object and $libmilter both export: |" "$work/only"
			faults=1
		fi
	done
else
	echo "exports: libmilter is not found, clashes with it were not looked for"
fi
echo "exports: $(wc -l <"$work/library") names"
exit "$faults"

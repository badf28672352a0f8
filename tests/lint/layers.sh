#!/bin/sh
# Proves the include rules of layers.allow over lib/ and milter/. Run by make check; prints what breaks a rule.
: "${srcdir:=.}"
cd "$srcdir" || exit 1
find lib milter -name '*.[ch]' | sort | xargs grep -nE '^[ 	]*#[ 	]*include' /dev/null | awk -v rules=tests/lint/layers.allow '
function glob(pattern, text) {
	gsub(/\./, "\\.", pattern)
	gsub(/\*/, ".*", pattern)
	return text ~ ("^" pattern "$")
}
function quoted_ok(folder, name,    k) {
	for (k = 1; k <= rooms[folder]; k++) {
		rule = room[folder, k]
		if (rule == name || (rule == "." && name !~ /\//) || (rule ~ /\/$/ && index(name, rule) == 1 && name !~ /\.\./))
			return 1
	}
	return 0
}
function system_ok(folder, name,    k) {
	if (!(folder in systems))
		return 1
	for (k = 1; k <= systems[folder]; k++)
		if (glob(system_header[folder, k], name))
			return 1
	return 0
}
function fault(what) { print where ": " what; faults++ }
BEGIN {
	while ((getline line < rules) > 0) {
		n = split(line, word, /[ \t]+/)
		if (word[1] == "room")
			for (k = 3; k <= n; k++) room[word[2], ++rooms[word[2]]] = word[k]
		else if (word[1] == "system")
			for (k = 3; k <= n; k++) system_header[word[2], ++systems[word[2]]] = word[k]
		else if (word[1] == "foreign") {
			foreign[++foreigns] = word[2]
			for (k = 3; k <= n; k++) places[foreigns] = places[foreigns] " " word[k]
		}
	}
	if (foreigns == 0) { print rules ": cannot be read"; exit 1 }
}
{
	split($0, part, ":")
	file = part[1]; where = part[1] ":" part[2]
	folder = file; sub(/\/[^\/]*$/, "", folder)
	checked++
	if (match($0, /"[^"]*"/)) {
		name = substr($0, RSTART + 1, RLENGTH - 2)
		if (!(folder in rooms)) fault(folder " has no line in tests/lint/layers.allow")
		else if (!quoted_ok(folder, name)) fault(folder " may not include \"" name "\"")
		next
	}
	if (!match($0, /<[^>]*>/)) { fault("an include that cannot be read"); next }
	name = substr($0, RSTART + 1, RLENGTH - 2)
	if (!system_ok(folder, name)) fault(folder " may not include <" name ">")
	for (f = 1; f <= foreigns; f++) {
		if (!glob(foreign[f], name)) continue
		ok = 0
		n = split(places[f], place, " ")
		for (k = 1; k <= n; k++) if (index(file, place[k]) == 1) ok = 1
		if (!ok) fault("only" places[f] " may include <" name ">")
	}
}
END {
	if (checked < 10) { print "layers: found only " checked + 0 " includes: is this the source folder?"; exit 1 }
	print "layers: " checked " includes, " faults + 0 " against the rules"
	exit faults > 0
}'

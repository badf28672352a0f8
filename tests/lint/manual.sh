#!/bin/sh
# Checks the manual pages against the tables that the programs are made from: every setting, lint, reason, event
# action, exported function, command and event field has its entry, every entry is in the tables, and each setting's
# entry names its default, its choices and an example that can be loaded. Then mandoc -Tlint.
# usage: manual.sh [SOURCE_DIR]   Exit status: 0 all is well, 1 something is missing, 77 mandoc is not installed.
set -u
LC_ALL=C
export LC_ALL

top=${1:-${srcdir:-$(dirname "$0")/../..}}
conf=$top/etc/mailreeve.conf.5
events=$top/lib/eventlog/mailreeve-events.5
library=$top/lib/libmailreeve.3
command=$top/milter/ctl/mailreeve.1
daemon=$top/milter/mailreeved.8
mailreeve=${MAILREEVE:-./milter/ctl/mailreeve}
schema=$top/contrib/siem/mailreeve-events.schema.json
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

# The first text between quotes of each row of a macro table: table MACRO FILE
table() {
	sed -n "s/^$1(//p" "$2" | awk -F'"' '{ print $2 }' | sort -u
}

# The first words of the items of a page that use a macro: items MACRO FILE
items() {
	sed -n "s/^\.It $1 //p" "$2" | sed 's/ , /\n/g' | awk '{ print $1 }' | sort -u
}

# compare WHAT TABLE_FILE WANTED FOUND PAGE
compare() {
	comm -23 "$3" "$4" | while read -r name; do
		echo "$5:1: $1 \"$name\" of $2 has no entry; write one"
	done >"$work/missing"
	comm -13 "$3" "$4" | while read -r name; do
		line=$(awk -v n="$name" '/^\.(It|Fn) / { for (i = 2; i <= NF; i++) if ($i == n) { print NR; exit } }' "$5")
		echo "$5:${line:-1}: \"$name\" is no $1 of $2; take the entry out"
	done >"$work/extra"
	cat "$work/missing" "$work/extra"
	if [ -s "$work/missing" ] || [ -s "$work/extra" ]; then
		bad=1
	fi
}

# Settings: rows that are not groups; "networks.*.except" is written networks.NAME.except.
grep '^MR_SETTING(' "$top/lib/policy/setting.def" |
	grep -Ev '^MR_SETTING\("[^"]*", (GROUP|GROUPS|LATER),' >"$work/rows"
awk -F'"' '{ print $2 }' "$work/rows" | sed 's/\*/NAME/' | sort -u >"$work/wanted"
items Ic "$conf" >"$work/found"
compare setting lib/policy/setting.def "$work/wanted" "$work/found" "$conf"

# Each setting's entry names its default and its choices.
awk -F'"' '{ sub(/\*/, "NAME", $2); type = $3; gsub(/[ ,]/, "", type); print $2 "\t" type "\t" $4 "\t" $6 }' \
	"$work/rows" >"$work/settings"
awk -F'\t' -v page="$conf" '
	function find(text, word) { return word == "" || index(text, word) > 0 }
	NR == FNR {
		if ($0 ~ /^\.It Ic /) { name = $0; sub(/^\.It Ic /, "", name); at[name] = FNR }
		else if ($0 ~ /^\.(El|Sh|Ss)/) name = ""
		if (name != "") entry[name] = entry[name] " " $0
		next
	}
	$1 in entry {
		if ($4 != "") {
			n = split($4, words, / /)
			for (i = 1; i <= n; i++)
				if (!find(entry[$1], words[i])) {
					printf "%s:%d: the entry of %s does not name the default \"%s\"\n", page, at[$1], $1, words[i]
					wrong = 1
				}
		}
		if ($2 == "WORD" || $3 ~ /\|/) {
			n = split($3, words, /\|/)
			for (i = 1; i <= n; i++)
				if (!find(entry[$1], words[i]) && !(entry[$1] ~ /Mode/ && $3 == "off|observe|enforce")) {
					printf "%s:%d: the entry of %s does not name the choice \"%s\"\n", page, at[$1], $1, words[i]
					wrong = 1
				}
		}
	}
	END { exit wrong }' "$conf" "$work/settings" || bad=1

# Each setting's example is a policy that can be loaded, where the program is built. Files are not there: passed over.
# policy_of NAME EXAMPLE: a whole policy around one line of it.
policy_of() {
	[ "$1" = domains ] || echo 'domains = [ "example.com" ]'
	case $1 in
	networks.NAME.addresses) echo "networks: { x: { $2 } }" ;;
	networks.*) echo "networks: { x: { addresses = \"192.0.2.0/24\"  $2 } }" ;;
	*) echo 'networks: { office: { addresses = "192.0.2.0/24" } }' ;;
	esac
	case $1 in
	networks.*) ;;
	exemptions.name) echo "exemptions: { $2  rules = \"sender\"  login = \"*\" }" ;;
	exemptions.rules) echo "exemptions: { name = \"x\"  $2  login = \"*\" }" ;;
	exemptions.owner | exemptions.reason | exemptions.expires)
		echo "exemptions: { name = \"x\"  rules = \"sender\"  login = \"*\"  $2 }"
		;;
	exemptions.*) echo "exemptions: { name = \"x\"  rules = \"sender\"  $2 }" ;;
	limits.rates.name) echo "limits: { rates: { $2 } }" ;;
	limits.rates.*) echo "limits: { rates: { name = \"x\"  $2 } }" ;;
	*.*) echo "${1%%.*}: { $2 }" ;;
	*) echo "$2" ;;
	esac
}

if [ -x "$mailreeve" ]; then
	awk '/^\.It Ic / { name = $3 } /^\.S[hs]/ { name = "" }
		/^\.Dl / && name != "" { sub(/^\.Dl /, ""); gsub(/\\\(dq/, "\""); print NR "\t" name "\t" $0 }' "$conf" |
		grep -v -e file: -e hashed >"$work/examples"
	while IFS='	' read -r line name example; do
		policy_of "$name" "$example" >"$work/policy.conf"
		chmod 600 "$work/policy.conf"
		"$mailreeve" check "$work/policy.conf" >"$work/said" 2>&1
		[ $? -lt 2 ] && continue
		echo "$conf:$line: the example of $name is no policy: $(head -n 1 "$work/said")"
		bad=1
	done <"$work/examples"
else
	echo "# the examples of mailreeve.conf(5) are not tried: $mailreeve is not built"
fi

# Lints.
if [ -f "$top/lib/policy/lint.def" ]; then
	table MR_LINT "$top/lib/policy/lint.def" >"$work/wanted"
	items Cm "$conf" >"$work/found"
	compare lint lib/policy/lint.def "$work/wanted" "$work/found" "$conf"
fi

# Event actions and reasons.
table MR_EVENT "$top/lib/model/event.def" >"$work/wanted"
items Ic "$events" >"$work/found"
compare "event action" lib/model/event.def "$work/wanted" "$work/found" "$events"
table MR_REASON "$top/lib/model/reason.def" >"$work/wanted"
items Cm "$events" >"$work/found"
compare reason lib/model/reason.def "$work/wanted" "$work/found" "$events"

# The answer of each reason.
sed -n 's/^MR_REASON(//p' "$top/lib/model/reason.def" |
	awk -F'"' '{ code = $3; gsub(/[^0-9]/, "", code); print $2 "\t" code "\t" $4 "\t" $6 }' >"$work/reasons"
awk -F'\t' -v page="$events" '
	NR == FNR {
		if ($0 ~ /^\.It Cm /) { name = $0; sub(/^\.It Cm /, "", name); at[name] = FNR }
		else if ($0 ~ /^\.(El|Sh|Ss)/) name = ""
		if (name != "") entry[name] = entry[name] " " $0
		next
	}
	($1 in entry) && $2 > 0 && (!index(entry[$1], $2 " " $3) || !index(entry[$1], $4)) {
		printf "%s:%d: the entry of %s does not give its answer: %s %s %s\n", page, at[$1], $1, $2, $3, $4
		wrong = 1
	}
	END { exit wrong }' "$events" "$work/reasons" || bad=1

# Event fields, by the schema that ships.
python=$(command -v python3)
if [ -f "$schema" ] && [ -n "$python" ]; then
	"$python" - "$schema" >"$work/wanted" <<'END' || bad=1
import json, sys

def leaves(node, path):
    kinds = node.get("type")
    if "properties" in node:
        for name, below in node["properties"].items():
            yield from leaves(below, path + [name])
        if "patternProperties" in node:
            yield ".".join(path + ["NAME"])
    elif kinds != "object" or path:
        yield ".".join(path)

for name in sorted(set(leaves(json.load(open(sys.argv[1])), []))):
    print(name)
END
	sort -u "$work/wanted" >"$work/sorted"
	items Va "$events" >"$work/found"
	compare "event field" contrib/siem/mailreeve-events.schema.json "$work/sorted" "$work/found" "$events"
else
	echo "# event fields are not compared: the schema or python3 is missing"
fi

# Exported functions.
sort -u "$top/lib/mailreeve.sym" >"$work/wanted"
sed -n '/^\.Sh DESCRIPTION/q; s/^\.Fn //p' "$library" | awk '{ print $1 }' | sort -u >"$work/found"
compare function lib/mailreeve.sym "$work/wanted" "$work/found" "$library"

# Commands of the command line.
if [ -f "$top/milter/ctl/main.c" ]; then
	sed -n 's/^[[:space:]]*{ *"\([a-z-]*\)", *mr_ctl_.*/\1/p' "$top/milter/ctl/main.c" | sort -u >"$work/wanted"
	items Ic "$command" >"$work/found"
	compare command milter/ctl/main.c "$work/wanted" "$work/found" "$command"
fi

# Long options of the command line.
for source in "$top"/milter/ctl/*.c; do
	sed -n 's/.*{ *"\([a-z-]*\)", *\(no\|required\)_argument.*/\1/p' "$source" | while read -r option; do
		grep -q "Fl -$option\b" "$command" ||
			echo "$command:1: option --$option of milter/ctl/${source##*/} is not named; name it"
	done
done >"$work/options"
cat "$work/options"
[ -s "$work/options" ] && bad=1

# Options of the daemon.
if [ -f "$top/milter/options.c" ]; then
	sed -n 's/.*getopt_long(argc, argv, "\([^"]*\)".*/\1/p' "$top/milter/options.c" | sed 's/[:+-]//g' |
		fold -w1 | sort -u >"$work/wanted"
	items Fl "$daemon" >"$work/found"
	compare option milter/options.c "$work/wanted" "$work/found" "$daemon"
fi

# Our pages that a page refers to exist. mandoc looks only for installed ones, so its word on them is left out below.
for page in "$conf" "$events" "$library" "$command" "$daemon"; do
	awk '/^\.Xr / { print FNR, $2 "." $3 }' "$page" | while read -r line name; do
		case " $conf $events $library $command $daemon " in
		*"/$name "*) ;;
		*) echo "$page:$line: there is no page $name here; name foreign pages without .Xr" ;;
		esac
	done >"$work/references"
	cat "$work/references"
	[ -s "$work/references" ] && bad=1
done

if ! command -v mandoc >/dev/null; then
	echo "# mandoc is not installed: the pages' syntax is not checked (apt-get install mandoc)"
	[ "$bad" = 0 ] && exit 77
	exit 1
fi
mandoc -Tlint "$conf" "$events" "$library" "$command" "$daemon" 2>&1 |
	grep -v 'STYLE: referenced manual not found: Xr ' |
	grep -v 'outdated mandoc.db lacks' >"$work/lint"
cat "$work/lint"
[ -s "$work/lint" ] && bad=1
exit "$bad"

#!/bin/sh
# make fuzz: builds the fuzz targets with clang and libFuzzer in the folder fuzz-build and runs each on its seeds.
# Usage: run.sh SOURCE TARGET...
#   FUZZ_SECONDS  for each target, 600
#   FUZZ_ONLY     names of targets, such as "address header": only these
# What breaks a target is kept in fuzz-build/found/. Exit status 0: nothing was found.
: "${FUZZ_SECONDS:=600}"
source=$(cd "$1" && pwd) || exit 1
shift
command -v clang >/dev/null || { echo "fuzz: clang is missing; install clang (Debian, Fedora)"; exit 1; }
[ -x "$source/configure" ] || { echo "fuzz: $source/configure is missing; run autoreconf -fi in $source"; exit 1; }
if [ -e "$source/config.status" ]; then
	echo "fuzz: $source was configured in place, so no second build folder can use it; run make distclean there and build in a folder of its own"
	exit 1
fi
mkdir -p fuzz-build/found && cd fuzz-build || exit 1
[ -e Makefile ] || "$source/configure" CC=clang CFLAGS="-O1 -g" --enable-sanitizers=address,undefined --enable-fuzzers >configure.out 2>&1 ||
	{ tail -n 5 configure.out; echo "fuzz: configure failed; all it said is in fuzz-build/configure.out"; exit 1; }
make -s -j2 fuzz-targets || exit 1

faults=0
for target; do
	name=${target##*fuzz_}
	case " ${FUZZ_ONLY:-$name} " in
	*" $name "*) ;;
	*) continue ;;
	esac
	mkdir -p "corpus/$name"
	echo "fuzz: $name, $FUZZ_SECONDS s"
	if ASAN_OPTIONS=detect_leaks=1 "$target" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
		-artifact_prefix="found/$name-" "corpus/$name" "$source/tests/fuzz/seeds/$name" >"$name.log" 2>&1; then
		grep -E 'number_of_executed_units|peak_rss_mb' "$name.log" | sed "s/^stat::/fuzz: $name: /"
		echo "fuzz: $name: nothing found"
	else
		tail -n 40 "$name.log"
		echo "fuzz: $name: FOUND something, the input is in fuzz-build/found/, all output in fuzz-build/$name.log"
		faults=1
	fi
done
exit $faults

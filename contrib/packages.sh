# Shell functions that contrib/try and contrib/check share: installing Debian packages without starting their services.
# To be read with "."; the caller has set -eu.
# shellcheck shell=sh

# shellcheck disable=SC2034 # used by the callers
BUILD_PACKAGES="gcc libc6-dev make autoconf automake libtool pkg-config libjansson-dev libconfig-dev libsodium-dev
 libidn2-dev libunistring-dev liblmdb-dev libmilter-dev libcurl4-openssl-dev
 libmicrohttpd-dev libmaxminddb-dev libcrypt-dev libzxcvbn-dev nettle-dev"
# shellcheck disable=SC2034
SERVER_PACKAGES="postfix dovecot-core openssl python3"

stop_with() { # stop_with MESSAGE...: says what is wrong and what to do, and ends
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() { # prints those of the packages that are not installed
	for package in "$@"; do
		is_installed "$package" || printf '%s ' "$package"
	done
}

# Postfix would put another mail server out of its place: that is not ours to do.
refuse_to_replace() {
	is_installed postfix && return 0
	for other in exim4-daemon-light exim4-daemon-heavy sendmail-bin opensmtpd courier-mta nullmailer msmtp-mta dma; do
		if is_installed "$other"; then
			stop_with "Postfix is needed and $other is installed: installing Postfix would remove it." \
				"Run this in a container or a virtual machine."
		fi
	done
}

no_services() { # packages must not start what they install: Debian asks this file first
	[ ! -e /usr/sbin/policy-rc.d ] || return 0
	printf '#!/bin/sh\n# made by Mailreeve for the time of one apt-get\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	policy_rc_d_is_ours=yes
}

services_again() {
	[ "${policy_rc_d_is_ours:-no}" = no ] || rm -f /usr/sbin/policy-rc.d
	policy_rc_d_is_ours=no
}

quietly() { # quietly LOG COMMAND...: appends what it says to LOG, and asks nobody anything
	quietly_log=$1
	shift
	DEBIAN_FRONTEND=noninteractive "$@" >>"$quietly_log" 2>&1 </dev/null
}

install_missing() { # install_missing LOG PACKAGE...
	log=$1
	shift
	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || stop_with "needs Debian's packages $missing, and there is no apt-get here." \
		"Install what corresponds to them, or run this in a Debian container."
	[ "$(id -u)" = 0 ] || stop_with "not installed: $missing. Run this as root, or install them first."
	case " $missing " in *" postfix "*) refuse_to_replace ;; esac
	echo "Installing: apt-get install $missing"
	no_services
	printf 'postfix postfix/main_mailer_type select No configuration\n' | debconf-set-selections 2>/dev/null || true
	# shellcheck disable=SC2086 # a list
	if ! quietly "$log" apt-get update || ! quietly "$log" apt-get install -y --no-install-recommends $missing; then
		services_again
		tail -n 15 "$log" >&2
		stop_with "the packages could not be installed; all of it is in $log. Is there a network, and is apt in order?"
	fi
	services_again
}

# Builds happen in a copy, so that the clone stays as it is. What an earlier build left in the clone is not copied.
copy_source() { # copy_source FROM TO
	mkdir -p "$2"
	tar -C "$1" --exclude=./.git --exclude=./autom4te.cache --exclude=./config.status --exclude=./config.h \
		--exclude=./Makefile --exclude=__pycache__ --exclude=.libs --exclude=.deps --exclude='*.o' --exclude='*.lo' \
		--exclude='*.la' --exclude='*.trs' --exclude='*.log' -cf - . | tar -C "$2" -xf -
}

build_in() { # build_in SOURCE BUILD LOG CONFIGURE-OPTION...
	source=$1 build=$2 log=$3
	shift 3
	mkdir -p "$build"
	echo "Building (autoreconf, configure, make): takes a minute or two"
	if ! { (cd "$source" && autoreconf -fi) && cd "$build" && "$source/configure" --prefix=/usr --sysconfdir=/etc \
		--localstatedir=/var "$@" && make -j"$(nproc)"; } >"$log" 2>&1 </dev/null; then
		tail -n 25 "$log" >&2
		stop_with "the build failed; all of it is in $log"
	fi
}

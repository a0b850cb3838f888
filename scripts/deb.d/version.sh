# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The version of the package and its changelog, for scripts/deb and the test that versions agree.
#
# shellcheck disable=SC2154 # scripts/deb has the variables

# deb_version: prints the version of meson.build.
deb_version() {
	sed -n "s/^  version: '\\([0-9.]*\\)',\$/\\1/p" "$top/meson.build" | grep .
}

# deb_changelog CONTROL: Debian's changelog, of the versions and dates in CHANGELOG.md. What changed stands there, and that
# is in the package.
deb_changelog() {
	local maintainer number date
	maintainer=$(sed -n 's/^Maintainer: //p' "$1")
	while read -r number date; do
		printf 'vmm (%s-1) unstable; urgency=medium\n\n  * Version %s; changelog.gz, beside this file, says what is new.\n\n' \
			"$number" "$number"
		printf -- ' -- %s  %s\n\n' "$maintainer" "$(date -u -R -d "$date")"
	done < <(sed -n 's/^## \([0-9.]*\), \([0-9-]*\)$/\1 \2/p' "$top/CHANGELOG.md")
}

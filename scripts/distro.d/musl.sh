#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# musl.sh: in a root of Debian's that scripts/distro makes, what a build of vmm against musl needs and Debian does not have
# for it: zlib, inih and libseccomp from Debian's own sources, as archives in /opt/musl, and the kernel's headers.
# With what is in /opt/musl/environment set, meson builds vmm with them.
set -eu
prefix=/opt/musl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p $prefix/include $prefix/lib/pkgconfig
# -isystem: the kernel's headers define what musl's do as well.
cat >$prefix/environment <<-END
	export CC=musl-gcc CFLAGS='-isystem $prefix/include' PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig
END
# shellcheck disable=SC1091 # written just now
. $prefix/environment
CFLAGS="-O2 -fPIC $CFLAGS"
# musl-gcc leaves /usr/include out, where glibc's headers are: of it the kernel's are wanted.
ln -s /usr/include/linux /usr/include/asm-generic /usr/include/video $prefix/include/
ln -s /usr/include/x86_64-linux-gnu/asm $prefix/include/
# The upstream tarballs alone: Debian's patches are not needed.
apt-get -q -o APT::Sandbox::User=root source --tar-only zlib libinih libseccomp

# source_of NAME: enters the source of this package.
source_of() {
	mkdir "$work/$1"
	cd "$work/$1"
	tar -x --strip-components 1 -f "$(find "$work" -maxdepth 1 -name "$1_*.orig.tar.*" ! -name '*.asc')"
}

source_of zlib
./configure --static --prefix=$prefix
make -s -j2 libz.a
make -s install
source_of libseccomp
./configure --host=x86_64-linux-musl --prefix=$prefix --disable-shared --disable-python
make -s -j2 -C include
make -s -j2 -C src libseccomp.la
make -s -C include install
make -s -C src install-libLTLIBRARIES
make -s install-pkgconfDATA
source_of libinih
meson setup build --prefix=$prefix --libdir=lib --default-library=static -Dwith_INIReader=false
meson install -C build

# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # storm and seconds come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
. tests/lab/inner/storm-lib.sh
storm_host
storm_for "$seconds"
finish

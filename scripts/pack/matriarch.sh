#!/bin/sh
# The program as Debian's package brings it: runtime and program lie unpacked
# below /usr/lib/matriarch. This shell is replaced (exec), so that signals and
# exit codes are the program's own.
set -eu
at=/usr/lib/matriarch
MATRIARCH_EXE=/usr/bin/matriarch
MATRIARCH_ARGV0=${MATRIARCH_AS:-${0##*/}}
unset MATRIARCH_AS
# Compiled code is kept with the user; without a place for it, it is made anew.
DENO_DIR=${MATRIARCH_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/dev/null}/.cache}/matriarch}
DENO_NO_UPDATE_CHECK=1
DENO_NO_PACKAGE_JSON=1
# The one file, if this user calls that, too, takes only a folder of the user's own.
[ -d "$DENO_DIR" ] || mkdir -p -m 700 -- "$DENO_DIR" 2>/dev/null || :
export MATRIARCH_EXE MATRIARCH_ARGV0
export DENO_DIR DENO_NO_UPDATE_CHECK DENO_NO_PACKAGE_JSON
exec "$at/deno" run --allow-all --quiet --no-prompt --no-config --no-lock \
  --no-remote --no-npm --no-check @ENGINE_FLAGS@ "$at/app/main.js" "$@"

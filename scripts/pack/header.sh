#!/bin/sh
# Matriarch in one file: this header, then a compressed runtime and program.
#
# The first start unpacks both into a folder of this user, named by the hash
# of the content; every start then replaces this shell by the program (exec),
# so that signals and exit codes are the program's own. The folder is the first
# usable one of: MATRIARCH_CACHE_DIR (then no other), XDG_CACHE_HOME/matriarch,
# HOME/.cache/matriarch, TMPDIR (or /tmp)/matriarch-UID. Usable means: owned by
# this user, open to nobody else, and programs in it may run.
#
# Needs a POSIX shell, coreutils, tar and gzip. A folder that another user
# prepared, or a file that was cut short, is refused.
set -eu
[ -n "${PATH:-}" ] || PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
hash=@HASH@
from=@FROM@
files="@FILES@"

say() { echo "matriarch: $*" >&2; }

# Our own folder, and closed to others; otherwise its content is not trusted.
trusted() {
  [ "$(stat -c %u:%a:%F -- "$1" 2>/dev/null)" = "$uid:700:directory" ]
}

payload() { tail -c "+$from" -- "$0"; }

unpack() (
  umask 077
  new=$(mktemp -d "$1/new.XXXXXX" 2>/dev/null) || exit 1
  trap 'rm -rf -- "$new"' EXIT
  trap 'exit 1' HUP INT TERM
  payload | gzip -dc | tar -xf - -C "$new" 2>/dev/null || exit 1
  # A full disk or a folder mounted noexec shows here, not at each start.
  # 127: it is there, so what is missing is the loader that it names.
  DENO_DIR="$new/cache" "$new/deno" --version >/dev/null 2>&1 ||
    case $? in 127) exit 3 ;; *) exit 1 ;; esac
  sync -- "$new"/* 2>/dev/null || sync
  if [ -d "$1/$hash" ] && ! complete "$1/$hash"; then
    mv -T -- "$1/$hash" "$new.old" 2>/dev/null || :
    rm -rf -- "$new.old"
  fi
  # Of two first starts one renames, the other finds the folder and is glad.
  mv -T -- "$new" "$1/$hash" 2>/dev/null || complete "$1/$hash"
)

# What a cleaner of old files may have taken away is unpacked again.
complete() {
  [ -x "$1/deno" ] || return 1
  for file in $files; do
    [ -f "$1/$file" ] || return 1
  done
}

# Sets `at` to what an earlier start unpacked below $1.
ready() {
  at=$1/$hash
  complete "$at" && trusted "$1"
}

# Sets `at` to the folder that this start unpacks below $1.
make() {
  at=$1/$hash
  if [ ! -d "$1" ]; then
    mkdir -p -- "${1%/*}" 2>/dev/null || return 1
    mkdir -m 700 -- "$1" 2>/dev/null || [ -d "$1" ] || return 1
  fi
  if ! trusted "$1"; then
    say "not using $1: it must belong to user $uid and have mode 700"
    return 1
  fi
  if [ -z "${checked:-}" ]; then
    sum=$(payload | sha256sum)
    if [ "${sum%% *}" != "$hash" ]; then
      say "this file is damaged (wrong checksum): copy it again"
      exit 70
    fi
    checked=yes
  fi
  unpack "$1" || case $? in
    3)
      say "this system has no glibc (Alpine and others have musl): run it on" \
        "one that has, such as Debian or Red Hat, or in a container of those"
      exit 70
      ;;
    *)
      say "not using $1: cannot unpack there or programs may not run there"
      return 1
      ;;
  esac
}

# First looks through all folders, so that an unusable one costs only once.
find_at() {
  for how in ready make; do
    for folder in "$first" "$second" "$third"; do
      [ -n "$folder" ] || continue
      "$how" "$folder" && return 0
    done
  done
  say "no folder to unpack the runtime: set MATRIARCH_CACHE_DIR to one that" \
    "belongs to user $uid, has mode 700 and is not mounted noexec"
  exit 70
}

uid=$(id -u)
first='' second='' third=''
if [ -n "${MATRIARCH_CACHE_DIR:-}" ]; then
  case $MATRIARCH_CACHE_DIR in
    /*) first=${MATRIARCH_CACHE_DIR%/} ;;
    *) first=$PWD/${MATRIARCH_CACHE_DIR%/} ;;
  esac
else
  [ ! -d "${XDG_CACHE_HOME:-}" ] || first=$XDG_CACHE_HOME/matriarch
  [ ! -d "${HOME:-}" ] || second=$HOME/.cache/matriarch
  third=${TMPDIR:-/tmp}/matriarch-$uid
fi
find_at

case $0 in
  /*) MATRIARCH_EXE=$0 ;;
  *) MATRIARCH_EXE=$PWD/$0 ;;
esac
MATRIARCH_ARGV0=${MATRIARCH_AS:-${0##*/}}
unset MATRIARCH_AS
DENO_DIR=$at/cache
DENO_NO_UPDATE_CHECK=1
DENO_NO_PACKAGE_JSON=1
export MATRIARCH_EXE MATRIARCH_ARGV0
export DENO_DIR DENO_NO_UPDATE_CHECK DENO_NO_PACKAGE_JSON
exec "$at/deno" run --allow-all --quiet --no-prompt --no-config --no-lock \
  --no-remote --no-npm --no-check @ENGINE_FLAGS@ "$at/app/main.js" "$@"

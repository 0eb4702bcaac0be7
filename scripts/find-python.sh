#!/bin/sh
# Prints the Python that the environment is made with: $PYTHON where it is given, else the Python of the environment that
# is there already, else python3, else the newest of python3.13, python3.12 and python3.11 on the PATH. It is a shell
# script because there may be no Python at all, or an old one that could not read our own.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
found=''

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# Prints the interpreter and ends the script when its version is one that fits; else remembers what it was.
try() {
    command -v "$1" >/dev/null 2>&1 || return 0
    version=$(version_of "$1") || return 0
    case $version in
        3.11 | 3.12 | 3.13)
            command -v "$1"
            exit 0
            ;;
    esac
    found="$found $1 (Python $version)"
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
    [ -n "$found" ] || found=" PYTHON=$PYTHON, which does not run"
else
    for candidate in "$here/.venv/bin/python" python3 python3.13 python3.12 python3.11; do
        try "$candidate"
    done
fi

cat >&2 <<MESSAGE
rag-faq cannot be set up here yet:

  * No Python that fits.
    Found:  ${found:- none on the PATH}
    Needed:  Python 3.11, 3.12 or 3.13
    Debian, Ubuntu:  sudo apt-get install python3 python3-venv python3-dev
    Fedora:          sudo dnf install python3.13 python3.13-devel
    macOS:           brew install python@3.13
    Another place:   make run PYTHON=/path/to/python3.13
MESSAGE
exit 1

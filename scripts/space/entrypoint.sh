#!/bin/sh
# Start of the image: makes the folders that it writes to, and shows the weights that are in the image as its own.
set -eu

baked="${BAKED_MODELS:-/opt/models}"
mkdir -p "$HOME" "$TMPDIR" "$RAG_FAQ_MODELS"
# Links cost no room, and records and kept states can be written beside them.
if [ -n "$(ls -A "$baked" 2>/dev/null)" ]; then
    cp -rsf "$baked/." "$RAG_FAQ_MODELS/"
fi
exec "$@"

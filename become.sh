#!/bin/sh
# Becomes one process of the Procfile, whose name is the argument. No supervisor stays between it
# and the container: one would lose patience (honcho after five seconds) before a call in flight has
# been answered.
cd "$(dirname "$0")" || exit
line=$(sed -n "s/^${1:-}: *//p" Procfile)
if [ -z "$line" ]; then
    echo "${1:-Nothing} is no process of the Procfile: name one of $(sed 's/:.*//' Procfile | xargs)." >&2
    exit 64
fi
# The line says for itself what of the environment it takes.
eval "exec $line"

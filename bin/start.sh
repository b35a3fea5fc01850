# How each tool of the package starts: sourced by the entry, which sets `self` and `tool`. First it
# notes what Node changes in its own process as it starts, and nobody can tell afterwards: it marks
# inherited descriptors close-on-exec, stops ignoring signals (a nohup) and raises the limit on open
# files. A server that is started is to get them as they were.
program=${self%/*}/../dist/src/cli/$tool.js

fail() {
  echo "$tool: $1" >&2
  exit 125
}
[ -e "$program" ] || fail "not built yet: run 'npm install' in ${self%/*}/.."
command -v node >/dev/null || fail 'node is not on the PATH: install Node.js 20 or newer'

# Neither the one that listed the folder, which is closed by now, nor those of these two scripts.
WSWRAP_DESCRIPTORS=
for fd in /proc/$$/fd/*; do
  [ ! -e "$fd" ] || [ "$fd" -ef "$0" ] || [ "$fd" -ef "${self%/*}/start.sh" ] ||
    WSWRAP_DESCRIPTORS="$WSWRAP_DESCRIPTORS ${fd##*/}"
done
while read -r name value; do
  [ "$name" != SigIgn: ] || WSWRAP_IGNORED_SIGNALS=$value
done <"/proc/$$/status"
WSWRAP_OPEN_FILES=$(ulimit -n)
# Variables that are no shell variables (`discovery.type`): some shells do not pass them on.
WSWRAP_VARIABLES=$(LC_ALL=C grep -zv '^[A-Za-z_][A-Za-z_0-9]*=' "/proc/$$/environ" | base64)
export WSWRAP_DESCRIPTORS WSWRAP_IGNORED_SIGNALS WSWRAP_OPEN_FILES WSWRAP_VARIABLES

exec node ${options:-} "$program" "$@"

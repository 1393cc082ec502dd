#!/usr/bin/env bash
# get-suite.sh DEST: fetches the source package of Redis 7.0.15 with apt (Debian bookworm has it) and unpacks upstream's
# tests from it to DEST. The machine's own apt sources and lists stay as they are.
set -euo pipefail
dest=${1:?DEST}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/lists/partial"
chmod 755 "$scratch"

mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m1 -E '/debian/?$' || true)
[ -n "$mirror" ] || { echo "apt names no Debian mirror: run apt-get update first" >&2; exit 1; }
for source in bookworm:"$mirror" bookworm-security:"${mirror%/}-security"; do
  printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n' \
    "${source#*:}" "${source%%:*}"
done > "$scratch/src.sources"
options=(-o Dir::Etc::sourcelist="$scratch/src.sources" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::State::Lists="$scratch/lists" -o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache= -o APT::Sandbox::User=root)
apt-get "${options[@]}" -qq update
(cd "$scratch" && apt-get "${options[@]}" -qq source --download-only redis)

# Unpacked beside its place and moved there whole: a folder that is there is complete.
mkdir "$scratch/redis"
tar -xzf "$scratch"/redis_7.0.15.orig.tar.gz -C "$scratch/redis" --strip-components=1
mkdir -p "$(dirname "$dest")"
rm -rf "$dest"
cp -r "$scratch/redis" "$dest.partial"
mv "$dest.partial" "$dest"

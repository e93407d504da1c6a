# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: which Debian packages mlf needs, and how they get there.

BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkg-config
    libsqlite3-dev libcjson-dev libpcre2-dev libssl-dev libpng-dev libyaml-dev libgsl-dev)

# Prints those of the named packages that are not installed.
missing_packages() {
    local package
    for package; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s\n' "$package"
    done
}

# Prints what a build needs and this machine, which is no Debian, does not have.
missing_elsewhere() {
    local tool library
    for tool in cc meson ninja pkg-config "$@"; do
        command -v "$tool" >/dev/null || printf '%s\n' "$tool"
    done
    for library in sqlite3 libcjson libpcre2-8 libcrypto yaml-0.1 gsl; do
        pkg-config --exists "$library" 2>/dev/null || printf '%s\n' "$library"
    done
}

# Installs the named packages, as far as they are missing; returns 1, and has said what to do, when it
# cannot. With nothing missing neither the network nor root is needed.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        {
            printf 'mlf needs packages that are not installed, and only root may install them. As root, run\n\n'
            printf '    apt-get update && apt-get install --no-install-recommends %s\n\n' "${missing[*]}"
            printf 'and start this script again.\n'
        } >&2
        return 1
    fi
    printf 'Installing with apt-get: %s\n' "${missing[*]}"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}" >/dev/null && return 0
    printf 'apt-get could not install: %s\n' "${missing[*]}" >&2
    return 1
}
